/**
 * The requests that an instance has taken and not answered.
 *
 * I1  Every request is answered once: by the first of response, failure, deadline, limit, end of the instance.
 * I2  What an isolate posts about a request that is not open is ignored.
 */
import { type ErrorCode, errorEntry, type FunctionConfig } from "../../../../contracts/index.ts";
import type { Message, Nats } from "../../../../nats/index.ts";
import { FailureKind } from "../../../platform/boundary.ts";
import type { FunctionLog } from "./function-logs.ts";
import {
  type Reply,
  replyFromError,
  replyFromResponse,
  replyMethodNotAllowed,
  replySize,
} from "./reply-to-message.ts";
import { type IncomingRequest, requestFromMessage } from "./request-from-message.ts";

export interface OpenRequests {
  readonly size: number;
  /** Since when nothing is open, epoch milliseconds; undefined while something is. */
  readonly idleSince: number | undefined;
  /** Takes a request; `done` is called once it was answered. */
  open(message: Message, done: (error?: string) => void): { id: number; request: IncomingRequest };
  /** The isolate's response: user input. */
  respond(id: number, status: unknown, headerBlock: unknown, body: unknown): void;
  /** The isolate's word that there is no response: user input. */
  refuse(id: number, kind: unknown, text: string): void;
  fail(id: number, code: ErrorCode): void;
  failAll(code: ErrorCode): void;
  /** The id that the client knows a request by. */
  requestIdOf(id: number | undefined): string | undefined;
  find(id: number): { id: string; deadline: number } | undefined;
  /** Resolves when nothing is open any more, or after the grace. */
  empty(graceMs: number): Promise<void>;
}

export interface OpenRequestsOptions {
  nats: Nats;
  config: FunctionConfig;
  log: FunctionLog;
  /** Logs a stack with the author's places. */
  logStack(stack: string, requestId: string | undefined): void;
}

/** All header fields of one response. HTTP servers and proxies take far less. */
const MAX_HEADER_BYTES = 256 * 1024;
const MAX_STACK_LENGTH = 64 * 1024;

interface Open {
  requestId: string;
  /** Epoch milliseconds. */
  deadline: number;
  timer: NodeJS.Timeout;
  message: Message;
  done: (error?: string) => void;
}

export function createOpenRequests({ nats, config, log, logStack }: OpenRequestsOptions): OpenRequests {
  const requests = new Map<number, Open>();
  let nextId = 1;
  let lastDoneAt = Date.now();
  let whenEmpty: (() => void) | undefined;

  const finish = (id: number, reply: Reply, error?: ErrorCode): void => {
    const request = requests.get(id);
    if (request === undefined) return;
    requests.delete(id);
    clearTimeout(request.timer);
    lastDoneAt = Date.now();
    request.message.respond(reply.data, reply.headers);
    request.done(error === undefined ? undefined : `${error}: ${errorEntry(error).title}`);
    if (requests.size === 0) whenEmpty?.();
  };
  const fail = (id: number, code: ErrorCode) => finish(id, replyFromError(code), code);
  const failWith = (id: number, code: ErrorCode, why: string) => {
    log.write("error", `${code}: ${why}`, requests.get(id)?.requestId);
    fail(id, code);
  };

  return {
    get size() {
      return requests.size;
    },
    get idleSince() {
      return requests.size === 0 ? lastDoneAt : undefined;
    },
    open(message, done) {
      const id = nextId++;
      const request = requestFromMessage(message, config.name, config.limits.timeoutMs);
      const waitMs = Math.max(0, request.deadline - Date.now());
      const timer = setTimeout(() => {
        const limit = `limits.timeoutMs is ${config.limits.timeoutMs} ms`;
        failWith(id, "DEADLINE_EXCEEDED", `no answer within ${waitMs} ms (${limit})`);
      }, waitMs);
      requests.set(id, { requestId: request.requestId, deadline: request.deadline, timer, message, done });
      return { id, request };
    },
    respond(id, status, headerBlock, body) {
      if (!requests.has(id)) return;
      // Before it is taken apart: a block of many megabytes would hold the thread that all functions share.
      const blockSize = typeof headerBlock === "string" ? headerBlock.length : 0;
      if (blockSize > MAX_HEADER_BYTES) {
        return failWith(
          id,
          "RESPONSE_TOO_LARGE",
          `header fields of ${blockSize} bytes; ${MAX_HEADER_BYTES} is the most`,
        );
      }
      const reply = replyFromResponse(status, headerBlock, body);
      if (reply === undefined) {
        return failWith(
          id,
          "BAD_REPLY",
          "the response has a status or a header field that HTTP cannot carry",
        );
      }
      const size = replySize(reply);
      if (size <= nats.maxPayload) return finish(id, reply);
      failWith(id, "RESPONSE_TOO_LARGE", `${size} bytes; one message carries ${nats.maxPayload}`);
    },
    refuse(id, kind, text) {
      const requestId = requests.get(id)?.requestId;
      if (requestId === undefined) return;
      if (kind === FailureKind.methodNotAllowed) return finish(id, replyMethodNotAllowed(text));
      if (kind === FailureKind.noResponse) return failWith(id, "HANDLER_RETURNED_NO_RESPONSE", text);
      fail(id, "HANDLER_THREW");
      logStack(text.slice(0, MAX_STACK_LENGTH), requestId);
    },
    fail,
    failAll(code) {
      for (const id of [...requests.keys()]) fail(id, code);
    },
    requestIdOf: (id) => (id === undefined ? undefined : requests.get(id)?.requestId),
    find(id) {
      const request = requests.get(id);
      return request && { id: request.requestId, deadline: request.deadline };
    },
    empty: (graceMs) =>
      requests.size === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            const limit = setTimeout(resolve, graceMs);
            whenEmpty = () => {
              clearTimeout(limit);
              resolve();
            };
          }),
  };
}

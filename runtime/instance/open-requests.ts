/**
 * The requests that an instance has taken and not finished.
 *
 * I1  Every request is answered once: by the first of response, failure, deadline, limit, end of the instance. It is over
 *     when its answer was sent whole, its stream ended, or nobody waits for it any more.
 * I2  What an isolate posts about a request that is not open, or was answered, is ignored; streams and sockets that come
 *     with it are cancelled, so that their sources do not wait for ever.
 * I3  The isolate hears of every request that ends before its handler is done with it (`abort`).
 * I4  Work in the background (`ctx.waitUntil`) keeps the instance, never the answer, and for its time at most.
 */
import { type ErrorCode, errorEntry, type FunctionConfig } from "../../contracts/index.ts";
import type { Message, Nats } from "../../nats/index.ts";
import type { Peers } from "../../streams/index.ts";
import { AbortKind, EnterOp, FailureKind } from "../../web/index.ts";
import type { CallContext } from "../isolate/process/host-calls.ts";
import type { IsolateStreams } from "../isolate/process/isolate-streams.ts";
import { createBackgroundWork } from "./background-work.ts";
import { Exchange } from "./exchange.ts";
import type { FunctionLog } from "./function-logs.ts";
import { unansweredWords } from "./limit-messages.ts";
import type { Open } from "./open-request.ts";
import {
  isEventStream,
  type Reply,
  replyFromError,
  replyFromResponse,
  replyMethodNotAllowed,
} from "./reply-to-message.ts";
import { type IncomingRequest, requestFromMessage } from "./request-from-message.ts";
import { type BodySender, sendBody } from "./send-body.ts";
import { closeCodeOf, closeReasonOf } from "./socket.ts";

export interface OpenRequests {
  /** Requests that are not over, and those with work in the background. */
  readonly size: number;
  /** Since when there is nothing of either, epoch milliseconds; undefined while there is something. */
  readonly idleSince: number | undefined;
  /** Takes a request; `done` is called once it was answered. `begin` is called when it has entered the isolate. */
  open(
    message: Message,
    done: (error?: string) => void,
  ): { id: number; request: IncomingRequest; begin?: () => void };
  /** What the asker of a streamed request says later: `token` names the request. */
  control(token: string, message: Message): void;
  /** The isolate's response: user input. */
  respond(id: number, status: unknown, headerBlock: unknown, body: unknown): void;
  /** The isolate's answer is a WebSocket; what it sends, and that it closes: user input. */
  upgrade(id: number, headerBlock: unknown): void;
  socketMessage(id: number, data: unknown): void;
  socketClose(id: number, code: unknown, reason: unknown): void;
  /** The isolate's word that there is no response: user input. */
  refuse(id: number, kind: unknown, text: string): void;
  /** The isolate's word that work goes on after the answer, or is over: user input. */
  beginBackground(id: number): void;
  endBackground(id: number): void;
  fail(id: number, code: ErrorCode): void;
  /** Tells the isolate that the instance drains: for answers that stream, now or from now on; or for all requests. */
  warn(whom: "streaming" | "all"): void;
  failAll(code: ErrorCode, whom?: "all" | "sockets"): void;
  /** The id that the client knows a request by, also for some time after its end. */
  requestIdOf(id: number | undefined): string | undefined;
  find(id: number): CallContext["request"];
  /** Whether there is neither a request of this id nor work of it in the background. */
  isOver(id: number): boolean;
  /** Depth of the calls between functions that led to a request. Background work has the depth of the newest request. */
  hopsOf(id: number): number;
  /** Resolves when nothing is open any more, or after the grace. */
  empty(graceMs: number): Promise<void>;
}

export interface OpenRequestsOptions {
  nats: Nats;
  peers: Peers;
  instance: string;
  config: FunctionConfig;
  log: FunctionLog;
  streams(): IsolateStreams;
  /** A request and its work in the background are over. */
  onOver(id: number): void;
  /** Bytes of a response's body came from the isolate. */
  onBytes(id: number, bytes: number): void;
  /** Tells the isolate that nobody waits for a request's answer. */
  abort(id: number, kind: number): void;
  /** Enters the isolate for a request's WebSocket; resolves when that is done. */
  enterSocket(op: number, id: number, ...values: unknown[]): Promise<void>;
  /** Logs a stack with the author's places. */
  logStack(stack: string, requestId: string | undefined): void;
}

/** All header fields of one response. HTTP servers and proxies take far less. */
const MAX_HEADER_BYTES = 256 * 1024;
const MAX_STACK_LENGTH = 64 * 1024;
/** Log lines that come after a request's end still get its id. */
const MAX_REMEMBERED = 1_000;

const SWITCHING_PROTOCOLS = 101;
const CLOSED_ABNORMALLY = 1006;

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export function createOpenRequests(options: OpenRequestsOptions): OpenRequests {
  const { nats, peers, instance: answerer, config, log, streams, abort, logStack } = options;
  const { limits } = config;
  const requests = new Map<number, Open>();
  const byToken = new Map<string, number>();
  const remembered = new Map<number, string>();
  let nextId = 1;
  let lastHops = 0;
  let isDraining = false;
  let lastBusyAt = Date.now();
  let whenEmpty: (() => void) | undefined;

  const requestIdOf = (id: number | undefined) =>
    id === undefined ? undefined : (requests.get(id)?.requestId ?? remembered.get(id));
  const background = createBackgroundWork(limits.waitUntilMs, {
    onOver(id) {
      if (!requests.has(id)) options.onOver(id);
      rest();
    },
    onLimit(id) {
      const limit = `it went on for limits.waitUntilMs (${limits.waitUntilMs} ms) after the response`;
      log.write("error", `WAIT_UNTIL_LIMIT: ${limit}`, requestIdOf(id));
      abort(id, AbortKind.background);
    },
  });
  const size = () => requests.size + background.size;
  const rest = () => {
    lastBusyAt = Date.now();
    if (size() === 0) whenEmpty?.();
  };

  /** Forgets a request; what was begun for it is ended. */
  const close = (id: number, request: Open, error?: ErrorCode) => {
    if (!requests.delete(id)) return;
    clearTimeout(request.timer);
    if (request.exchange !== undefined) {
      byToken.delete(request.exchange.token);
      request.exchange.close();
    }
    if (remembered.size >= MAX_REMEMBERED) remembered.delete(remembered.keys().next().value ?? 0);
    remembered.set(id, request.requestId);
    if (background.has(id)) background.outlive(id);
    else options.onOver(id);
    request.done(error === undefined ? undefined : `${error}: ${errorEntry(error).title}`);
    rest();
  };
  const finish = (id: number, reply: Reply, error?: ErrorCode): void => {
    const request = requests.get(id);
    if (request === undefined) return;
    request.message.respond(reply.data, reply.headers);
    close(id, request, error);
  };
  const fail = (id: number, code: ErrorCode) => {
    const request = requests.get(id);
    if (request === undefined) return;
    const { body } = request;
    if (body?.isHeadOut === true) close(id, request, code);
    else finish(id, replyFromError(code, limits), code);
    // What is out must not look whole; what is still with the isolate is cancelled.
    body?.break(code);
  };
  const failWith = (id: number, code: ErrorCode, why: string) => {
    log.write("error", `${code}: ${why}`, requestIdOf(id));
    fail(id, code);
  };
  /** Ends a request that its handler may still be at. The isolate hears of the abort before its streams are cut. */
  const giveUp = (id: number, kind: number, end: () => void) => {
    if (!requests.has(id)) return;
    abort(id, kind);
    end();
  };
  const onDeadline = (id: number, waitMs: number) => {
    const why = unansweredWords(requests.get(id), waitMs, limits.timeoutMs);
    giveUp(id, AbortKind.deadline, () => failWith(id, "DEADLINE_EXCEEDED", why));
  };
  const waitForBody = (id: number, waitMs: number) =>
    setTimeout(() => {
      const why = `the request's body took longer than limits.streamMs (${limits.streamMs} ms)`;
      giveUp(id, AbortKind.deadline, () => failWith(id, "STREAM_LIMIT", why));
    }, waitMs);
  const waitForAnswer = (id: number, waitMs: number) => setTimeout(() => onDeadline(id, waitMs), waitMs);
  /** Nobody waits for the answer; where its time is over, this clock is merely late. */
  const onGone = (id: number, code: string) => {
    const request = requests.get(id);
    if (request === undefined) return;
    if (code === "DEADLINE_EXCEEDED")
      return onDeadline(id, Math.round(performance.now() - request.takenAtMs));
    giveUp(id, AbortKind.clientGone, () => {
      request.body?.break("CLIENT_GONE");
      close(id, request, "CLIENT_GONE");
    });
  };

  const warnOne = (id: number) =>
    abort(id, requests.get(id)?.isEndless === true ? AbortKind.drainEndless : AbortKind.drain);
  const beginStream = (id: number, request: Open, body: BodySender) => {
    clearTimeout(request.timer);
    request.body = body;
    request.timer = setTimeout(() => {
      const why = `the response streamed for limits.streamMs (${limits.streamMs} ms)`;
      giveUp(id, AbortKind.deadline, () => failWith(id, "STREAM_LIMIT", why));
    }, limits.streamMs);
    if (isDraining) warnOne(id);
  };
  const send = (id: number, request: Open, reply: Reply, body: unknown) => {
    const sent = sendBody({
      ...request,
      nats,
      limits,
      reply,
      body,
      openOutbound: (receiver) =>
        streams().openOutbound(body, id, {
          ...receiver,
          onChunk(bytes, done) {
            options.onBytes(id, bytes.byteLength);
            receiver.onChunk(bytes, done);
          },
        }),
      onWhole: () => close(id, request),
      onBroken(code, why) {
        if (code === "HANDLER_THREW") logStack(`the response's body broke: ${why}`, request.requestId);
        else log.write("error", `${code}: ${why}`, request.requestId);
        fail(id, code);
      },
      onGone: (code) => onGone(id, code),
    });
    if (sent.kind === "message") return finish(id, sent.reply);
    if (sent.kind === "refused") return failWith(id, sent.code, sent.why);
    request.isEndless = isEventStream(reply.headers);
    // One that is collected has its deadline until it was sent.
    if (sent.body.isHeadOut) beginStream(id, request, sent.body);
    else request.body = sent.body;
  };

  /** The request that the isolate answers now, for the first time. */
  const answered = (id: number): Open | undefined => {
    const request = requests.get(id);
    if (request === undefined || request.isAnswered) return undefined;
    request.isAnswered = true;
    return request;
  };
  const refuseSocket = (id: number) => {
    if (requests.get(id)?.socket !== undefined) return;
    void options.enterSocket(EnterOp.socketClose, id, CLOSED_ABNORMALLY, "", false);
  };

  return {
    get size() {
      return size();
    },
    get idleSince() {
      return size() === 0 ? lastBusyAt : undefined;
    },
    open(message, done) {
      const id = nextId++;
      const asked = Exchange.of({
        nats,
        peers,
        message,
        answerer,
        onGone: (code) => onGone(id, code),
        onDrain: () => warnOne(id),
      });
      // Whoever uses the token of another does not get to be heard in its place.
      const exchange = asked !== undefined && byToken.has(asked.token) ? undefined : asked;
      const hasRest = exchange?.hasStreamedBody === true;
      const request = requestFromMessage(
        message,
        config.name,
        limits.timeoutMs + (hasRest ? limits.streamMs : 0),
      );
      const { requestId, method, timeoutMs, hops } = request;
      const timer = waitForAnswer(id, Math.min(limits.timeoutMs, timeoutMs));
      const takenAtMs = performance.now();
      lastHops = hops;
      requests.set(id, {
        requestId,
        method,
        timeoutMs,
        takenAtMs,
        hops,
        timer,
        message,
        exchange,
        isAnswered: false,
        body: undefined,
        isEndless: false,
        socket: undefined,
        done,
      });
      if (exchange === undefined) return { id, request };
      byToken.set(exchange.token, id);
      if (!hasRest) return { id, request };
      const waitAnew = (wait: () => NodeJS.Timeout) => {
        const open = requests.get(id);
        if (open === undefined || open.body?.isHeadOut === true) return;
        clearTimeout(open.timer);
        open.timer = wait();
      };
      // How long the client takes to send is not the function's fault: its time does not run meanwhile.
      const { id: bodyId, begin } = exchange.openBody(streams(), id, message.data, {
        onAwaited: () => waitAnew(() => waitForBody(id, takenAtMs + limits.streamMs - performance.now())),
        onDone: () => waitAnew(() => waitForAnswer(id, limits.timeoutMs)),
      });
      return { id, request: { ...request, body: bodyId }, begin };
    },
    control(token, message) {
      requests.get(byToken.get(token) ?? 0)?.exchange?.receive(message);
    },
    respond(id, status, headerBlock, body) {
      const request = answered(id);
      if (request === undefined) return streams().discard(body, id);
      // Before it is taken apart: a block of many megabytes would hold the thread that all functions share.
      const blockSize = typeof headerBlock === "string" ? headerBlock.length : 0;
      if (blockSize > MAX_HEADER_BYTES) {
        const why = `header fields of ${blockSize} bytes; ${MAX_HEADER_BYTES} is the most`;
        streams().discard(body, id);
        return failWith(id, "RESPONSE_TOO_LARGE", why);
      }
      const content = typeof body === "number" ? undefined : body;
      const reply =
        status === SWITCHING_PROTOCOLS ? undefined : replyFromResponse(status, headerBlock, content);
      if (reply === undefined) {
        streams().discard(body, id);
        const why = "the response has a status or a header field that HTTP cannot carry";
        return failWith(id, "BAD_REPLY", why);
      }
      send(id, request, reply, body);
    },
    upgrade(id, headerBlock) {
      const request = answered(id);
      if (request === undefined) return refuseSocket(id);
      const reply = replyFromResponse(SWITCHING_PROTOCOLS, headerBlock, undefined);
      if (reply === undefined || request.exchange?.isUpgrade !== true) {
        refuseSocket(id);
        const why =
          "a WebSocket is the answer to a request that did not ask for one, or its header fields are not valid";
        return failWith(id, "BAD_REPLY", why);
      }
      const socket = request.exchange.openSocket(reply.headers, {
        onMessage: (data) => options.enterSocket(EnterOp.socketMessage, id, data),
        onCredit: (bytes) => void options.enterSocket(EnterOp.socketCredit, id, bytes),
        onClose: (...how) => void options.enterSocket(EnterOp.socketClose, id, ...how),
        onOver: () => close(id, request),
        onBroken: (code) => onGone(id, code),
        onMisuse(code, why) {
          log.write("error", `${code}: ${why}`, request.requestId);
        },
      });
      request.socket = socket;
      beginStream(id, request, socket);
    },
    socketMessage(id, data) {
      if (typeof data === "string" || data instanceof ArrayBuffer) requests.get(id)?.socket?.message(data);
    },
    socketClose(id, code, reason) {
      requests.get(id)?.socket?.close(closeCodeOf(code), closeReasonOf(reason));
    },
    refuse(id, kind, text) {
      const request = answered(id);
      if (request === undefined) return;
      if (kind === FailureKind.methodNotAllowed) return finish(id, replyMethodNotAllowed(text));
      if (kind === FailureKind.noResponse) return failWith(id, "HANDLER_RETURNED_NO_RESPONSE", text);
      fail(id, "HANDLER_THREW");
      logStack(text.slice(0, MAX_STACK_LENGTH), request.requestId);
    },
    beginBackground(id) {
      if (requests.has(id)) background.begin(id);
    },
    endBackground: background.end,
    fail,
    warn(whom) {
      isDraining = true;
      for (const [id, { body }] of requests) if (body?.isHeadOut === true || whom === "all") warnOne(id);
    },
    failAll(code, whom = "all") {
      for (const [id, { socket }] of [...requests]) if (whom === "all" || socket) fail(id, code);
      if (whom === "all") background.close();
    },
    requestIdOf,
    isOver: (id) => !requests.has(id) && !background.has(id),
    hopsOf: (id) => requests.get(id)?.hops ?? lastHops,
    find(id) {
      const request = requests.get(id);
      return request && { id: request.requestId, endsAtMs: request.takenAtMs + request.timeoutMs };
    },
    empty: (graceMs) =>
      size() === 0
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

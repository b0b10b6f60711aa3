/**
 * `fetch.send`: one exchange with a server on behalf of an instance. Redirects are followed by the isolate, one exchange
 * after the other, so that the rules of egress and the count of sub-requests meet each of them.
 *
 * I1  An instance has at most `MAX_EXCHANGES` at a time, bodies that it has not read included: more wait. Where they are
 *     bodies that nobody began to read, the oldest is dropped after a while: most code that looks at a status only
 *     never cancels the body.
 * I2  A body is read from the server no faster than the isolate reads it, and from the isolate no faster than the server
 *     takes it.
 */
import type { Readable } from "node:stream";
import type { FunctionConfig } from "../../../../contracts/index.ts";
import type { Data } from "../../../../web/index.ts";
import { type CallContext, CallError, type HostOperations } from "../../process/host-calls.ts";
import { createSlots } from "../slots.ts";
import type { Subrequests } from "../subrequests.ts";
import { decodeContent } from "./decode-content.ts";
import { describeFailure } from "./describe-failure.ts";
import { createEgress } from "./egress.ts";
import { createHttpClient, type HttpRequest, type HttpResponse, type Lookup } from "./http-client.ts";
import { matchesIntegrity } from "./integrity.ts";
import { readFromIsolate } from "./request-body.ts";
import { parseRequestHead, type RequestHead } from "./request-head.ts";
import { FIRST_BYTES, sendBodyToIsolate } from "./response-body.ts";

export interface FetchOptions {
  config: Pick<FunctionConfig, "egress">;
  /** The node's deny list. */
  egressDeny: readonly string[];
  subrequests: Subrequests;
  /** Into the function's log. */
  log(text: string, requestId: string | undefined): void;
  /** Default: the system's. */
  lookup?: Lookup;
  /** How long a body that nobody reads may lie there before it is dropped for an exchange that waits. Default 10 s. */
  unreadMs?: number;
}

const MAX_EXCHANGES = 100;
const MAX_WAIT_MS = 30_000;
const DEFAULT_UNREAD_MS = 10_000;
const SWEEP_MS = 100;
/** A body that crosses in one piece; a longer one is a stream, so that the host never holds all of it. */
const MAX_WHOLE_BODY_BYTES = 256 * 1024;

const MAX_INTEGRITY_LENGTH = 16 * 1024;
const MAX_CHECKED_BYTES = 16 * 1024 * 1024;
/** Hashing holds one of the process' few threads, which all functions share. */
const MAX_CHECKS = 1;

const NULL_BODY_STATUS = new Set([204, 205, 304]);

/** A response whose body the isolate has not read to its end. */
interface Unread {
  sinceMs: number;
  isRead(): boolean;
  drop(): void;
}

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export function createFetch(options: FetchOptions): HostOperations {
  const { config, egressDeny, subrequests, log, lookup, unreadMs = DEFAULT_UNREAD_MS } = options;
  const slots = createSlots(MAX_EXCHANGES);
  const checks = createSlots(MAX_CHECKS);
  const unread = new Set<Unread>();
  // Most functions never fetch: the client is made for the first that does.
  let client: ReturnType<typeof createHttpClient> | undefined;
  const clientOf = () => {
    client ??= createHttpClient({
      egress: createEgress({ allow: config.egress, deny: egressDeny }),
      ...(lookup === undefined ? {} : { lookup }),
    });
    return client;
  };

  const dropUnread = () => {
    const nowMs = performance.now();
    [...unread].find((one) => !one.isRead() && nowMs - one.sinceMs >= unreadMs)?.drop();
  };
  let waiting = 0;
  let sweep: NodeJS.Timeout | undefined;
  /** Waits for a slot; meanwhile bodies that nobody reads are dropped, one after the other. */
  const takeSlot = async (signal: AbortSignal): Promise<() => void> => {
    if (slots.free > 0) return slots.take(signal);
    const timeout = AbortSignal.timeout(MAX_WAIT_MS);
    waiting += 1;
    sweep ??= setInterval(dropUnread, SWEEP_MS);
    try {
      return await slots.take(AbortSignal.any([signal, timeout]));
    } catch (error) {
      if (!timeout.aborted) throw error;
      const text = `${MAX_EXCHANGES} responses are open in this instance; read or cancel their bodies`;
      throw new CallError("QuotaExceededError", text);
    } finally {
      waiting -= 1;
      if (waiting === 0) {
        clearInterval(sweep);
        sweep = undefined;
      }
    }
  };

  const fail = (error: unknown, url: URL, requestId: string | undefined): unknown => {
    if (error instanceof CallError) return error;
    const failure = describeFailure(error, url);
    if (failure === undefined) return error;
    if (failure.code === "EGRESS_REFUSED") log(failure.message, requestId);
    return new CallError(failure.code, failure.message);
  };

  const send = async (head: RequestHead, body: HttpRequest["body"], context: CallContext) => {
    subrequests.count(context);
    const release = await takeSlot(context.signal);
    const request: HttpRequest = { ...head, headers: head.headers.flat(), body, signal: context.signal };
    try {
      const response = await sendWithRetry(clientOf(), request);
      return { response, release };
    } catch (error) {
      release();
      throw error;
    }
  };

  return {
    "fetch.send": async ([method, url, headerBlock, bodyValue, length], context) => {
      const isStream = typeof bodyValue === "number";
      const body = bodyFromIsolate(bodyValue, context);
      const destroyBody = () => void (isStream && (body as Readable | undefined)?.destroy());
      let head: RequestHead | undefined;
      try {
        head = parseRequestHead(method, url, headerBlock, isStream, length);
        const { response, release } = await send(head, body, context);
        return answer(head, response, release, context);
      } catch (error) {
        destroyBody();
        throw head === undefined ? error : fail(error, head.url, context.request?.id);
      }
    },
    "fetch.matches": async ([integrity, bytes], { signal }) => {
      if (typeof integrity !== "string" || !(bytes instanceof ArrayBuffer))
        throw new CallError("TypeError", "the integrity or the bytes are none");
      if (integrity.length > MAX_INTEGRITY_LENGTH || bytes.byteLength > MAX_CHECKED_BYTES)
        throw new CallError("TypeError", `a body with an integrity has at most ${MAX_CHECKED_BYTES} bytes`);
      const release = await checks.take(signal);
      return matchesIntegrity(integrity, bytes).finally(release);
    },
  };

  function answer(
    head: RequestHead,
    response: HttpResponse,
    release: () => void,
    context: CallContext,
  ): Data {
    const { status, statusText, headers } = response;
    const reply = (fields: readonly (readonly [string, string])[], body: Data) => ({
      status,
      statusText,
      headerBlock: fields.map(([name, value]) => `${name.toLowerCase()}\n${value}\n`).join(""),
      body,
    });
    if (head.method === "HEAD" || NULL_BODY_STATUS.has(status)) {
      response.body.resume();
      void response.over.then(release);
      return reply(headers, undefined);
    }
    const coding = headers
      .filter(([name]) => name.toLowerCase() === "content-encoding")
      .map(([, value]) => value)
      .join(",");
    const decoded = decodeContent(response.body, coding);
    if (decoded === undefined && response.isWhole() && response.body.readableLength <= FIRST_BYTES) {
      release();
      const bytes: Uint8Array = response.body.read() ?? new Uint8Array();
      return reply(headers, new Uint8Array(bytes).buffer);
    }
    const body = decoded ?? response.body;
    const sent = sendBodyToIsolate(context.streams, {
      owner: context.owner,
      body,
      describe: (error) => describeFailure(error, head.url)?.message ?? "the body broke",
    });
    const entry: Unread = {
      sinceMs: performance.now(),
      isRead: () => sent.isRead,
      drop: () => void body.destroy(new DroppedBody()),
    };
    unread.add(entry);
    body.once("close", () => {
      unread.delete(entry);
      release();
    });
    // A body that is decoded is not what these two tell of.
    const isOfCoding = (name: string) => /^content-(encoding|length)$/i.test(name);
    return reply(decoded === undefined ? headers : headers.filter(([name]) => !isOfCoding(name)), sent.id);
  }
}

/** Nobody began to read a body, and others waited for its connection. */
class DroppedBody extends Error {
  readonly code = "UNREAD_BODY";
}

function bodyFromIsolate(value: unknown, { streams, owner }: CallContext): HttpRequest["body"] {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number") {
    const stream = readFromIsolate(streams, owner, value);
    if (stream === undefined) throw new CallError("TypeError", "the body is no stream");
    return stream;
  }
  const bytes =
    typeof value === "string" && value.length <= MAX_WHOLE_BODY_BYTES
      ? Buffer.from(value)
      : value instanceof ArrayBuffer
        ? new Uint8Array(value)
        : undefined;
  if (bytes === undefined || bytes.byteLength > MAX_WHOLE_BODY_BYTES)
    throw new CallError("TypeError", "the body is neither a short one nor a stream");
  return bytes;
}

const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/**
 * A server may close a kept connection just when the next request is on its way: then it never began it, and the request
 * is sent once more, on a new connection (RFC 9110, section 9.2.2).
 */
async function sendWithRetry(
  client: ReturnType<typeof createHttpClient>,
  request: HttpRequest,
): Promise<HttpResponse> {
  try {
    return await client.send(request);
  } catch (error) {
    const isWhole = request.body === undefined || request.body instanceof Uint8Array;
    if (!isWhole || !IDEMPOTENT.has(request.method) || !wasKept(error) || request.signal.aborted) throw error;
    return client.send(request);
  }
}

/** Whether a connection closed on which something had been read before. */
function wasKept(error: unknown): boolean {
  const { code, socket } = error as { code?: unknown; socket?: { bytesRead?: number } };
  return code === "UND_ERR_SOCKET" && (socket?.bytesRead ?? 0) > 0;
}

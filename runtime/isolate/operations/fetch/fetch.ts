/**
 * `fetch.send`: one exchange with a server on behalf of an instance. The isolate follows redirects, one exchange after the
 * other, so that the rules of egress and the count of sub-requests meet each of them.
 *
 * I1  The number of an instance's exchanges at a time is bounded, bodies that it has not read included (exchange-slots.ts).
 * I2  A body is read from the server no faster than the isolate reads it, and from the isolate no faster than the server
 *     takes it.
 */
import { Readable } from "node:stream";
import type { FunctionConfig } from "../../../../contracts/index.ts";
import { createEgress } from "../../../../machine/index.ts";
import {
  type CallContext,
  CallError,
  type HostOperation,
  type HostOperations,
} from "../../process/host-calls.ts";
import { traceToHandOn } from "../handed-on-trace.ts";
import { createSlots } from "../slots.ts";
import type { Subrequests } from "../subrequests.ts";
import { answerIsolate } from "./answer-isolate.ts";
import { describeFailure } from "./describe-failure.ts";
import { ExchangeSlots } from "./exchange-slots.ts";
import { createHttpClient, type HttpClient, type HttpRequest, type Lookup } from "./http-client.ts";
import { matchesIntegrity } from "./integrity.ts";
import { readFromIsolate } from "./request-body.ts";
import { parseRequestHead, type RequestHead } from "./request-head.ts";
import { sendWithRetry } from "./send-with-retry.ts";

export interface FetchOptions {
  config: Pick<FunctionConfig, "egress" | "traces">;
  /** The node's deny list. */
  egressDeny: readonly string[];
  subrequests: Subrequests;
  /** Writes into the function's log. */
  log(text: string, requestId: string | undefined): void;
  /** Default: the system's. */
  lookup?: Lookup;
  /** How long a body may lie unread before it is dropped for an exchange that waits. Default 10 s. */
  unreadMs?: number;
}

/** Default of `unreadMs`. */
const DEFAULT_UNREAD_MS = 10_000;
/** Upper bound of a body that crosses in one piece. A longer one is a stream, so that the host never holds all of it. */
const MAX_WHOLE_BODY_BYTES = 256 * 1024;

/** Upper bound of the text of an `integrity`. */
const MAX_INTEGRITY_LENGTH = 16 * 1024;
/** Upper bound of a body that is checked against an `integrity`. */
const MAX_CHECKED_BYTES = 16 * 1024 * 1024;
/** Upper bound of the checks at a time: hashing holds one of the process' few threads, which all functions share. */
const MAX_CHECKS = 1;

export function createFetch(options: FetchOptions): HostOperations {
  const { config, egressDeny, subrequests, log, lookup, unreadMs = DEFAULT_UNREAD_MS } = options;
  const slots = new ExchangeSlots(unreadMs);
  // Most functions never fetch: the client is loaded and made at the first exchange.
  let client: Promise<HttpClient> | undefined;
  const clientOf = () => {
    client ??= createHttpClient({
      egress: createEgress({ allow: config.egress, deny: egressDeny }),
      ...(lookup === undefined ? {} : { lookup }),
    });
    return client;
  };

  const send = async (head: RequestHead, body: HttpRequest["body"], context: CallContext) => {
    subrequests.count(context);
    const release = await slots.take(context.signal);
    const request: HttpRequest = { ...head, headers: head.headers.flat(), body, signal: context.signal };
    try {
      return { response: await sendWithRetry(await clientOf(), request), release };
    } catch (error) {
      release();
      throw error;
    }
  };

  const fail = (error: unknown, url: URL, requestId: string | undefined): unknown => {
    if (error instanceof CallError) return error;
    const failure = describeFailure(error, url);
    if (failure === undefined) return error;
    if (failure.code === "EGRESS_REFUSED") log(failure.message, requestId);
    return new CallError(failure.code, failure.message);
  };

  return {
    "fetch.send": async ([method, url, headerBlock, bodyValue, length], context) => {
      const body = bodyFromIsolate(bodyValue, context);
      const isStream = body instanceof Readable;
      let head: RequestHead | undefined;
      try {
        head = parseRequestHead(method, url, headerBlock, isStream, length);
        if (config.traces?.fetch !== false) addTrace(head, context);
        const { response, release } = await send(head, body, context);
        return answerIsolate({ head, response, release, context, slots });
      } catch (error) {
        if (isStream) body.destroy();
        throw head === undefined ? error : fail(error, head.url, context.request?.id);
      }
    },
    "fetch.matches": createIntegrityCheck(),
  };
}

/** Carries the trace on. Baggage stays within narun: it may be about the user. */
function addTrace(head: RequestHead, { trace }: CallContext): void {
  if (trace === undefined) return;
  const given = (name: string) => head.headers.find(([other]) => other === name)?.[1];
  const added = traceToHandOn(trace, given, { hasBaggage: false });
  const isAdded = (name: string) => added.some(([other]) => other === name);
  head.headers = [...head.headers.filter(([name]) => !isAdded(name)), ...added];
}

function createIntegrityCheck(): HostOperation {
  const checks = createSlots(MAX_CHECKS);
  return async ([integrity, bytes], { signal }) => {
    if (typeof integrity !== "string" || !(bytes instanceof ArrayBuffer))
      throw new CallError("TypeError", "an integrity and bytes were expected");
    if (integrity.length > MAX_INTEGRITY_LENGTH || bytes.byteLength > MAX_CHECKED_BYTES)
      throw new CallError("TypeError", `a body with an integrity has at most ${MAX_CHECKED_BYTES} bytes`);
    const release = await checks.take(signal);
    return matchesIntegrity(integrity, bytes).finally(release);
  };
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

/**
 * Runs a call that was accepted, and keeps its result.
 *
 * I1  A call whose record has an end is not run again.
 * I2  The result is stored before its callback is, and both before the call leaves the stream.
 * I3  A call runs again where the instance or the node ended that ran it, unless the function wants only calls repeated that
 *     may run twice over HTTP. An answer of any status is a result.
 * I4  An attempt that no handler began, or that the end of this node cut off, is none: its number comes again.
 */
import {
  type CallFacts,
  type CallRecord,
  callFields,
  decodeCallFacts,
  type EndedCall,
  type ErrorCode,
  type FunctionSpec,
  type Headers,
  headerNames,
  headerValue,
  isEnded,
  isRepeatable,
  MAX_CALL_BYTES,
  MAX_FRAME_BYTES,
  requestTextOf,
  type StoredReply,
  subjects,
} from "../../contracts/index.ts";
import type { Dispatch, Outcome, Reply } from "../../dispatch/index.ts";
import type { Calls, Nats, PulledMessage } from "../../nats/index.ts";
import { bytesLeft, collectBody } from "../../streams/index.ts";
import { TELL_MS } from "../call.ts";
import type { BatchResult } from "../queues/queue-reader.ts";

export interface RunCallParts {
  nats: Nats;
  calls: Calls;
  dispatch: Dispatch;
  /** How often a call is begun at most. */
  maxAttempts: number;
}

const DEFAULT_TIMEOUT_MS = 30_000;
/** A larger answer is an object. */
const MAX_INLINE_BYTES = 128 * 1024;

const ACKED: BatchResult = { kind: "answered", verdicts: [{ kind: "ack" }] };
const AGAIN: BatchResult = { kind: "answered", verdicts: [{ kind: "retry", delaySeconds: undefined }] };

/** Runs the call of a message. `signal`: the node ends, and gives the call back. */
export async function runCall(
  parts: RunCallParts,
  service: string,
  message: PulledMessage,
  signal: AbortSignal,
): Promise<BatchResult> {
  const { calls, dispatch, maxAttempts } = parts;
  const facts = decodeCallFacts(headerValue(message.headers ?? new Map(), headerNames.call) ?? "");
  // Anybody may write to a stream. A message that is no call is dropped.
  if (facts === undefined) return ACKED;
  const before = await recordOf(parts, service, facts, message);
  if (isEnded(before)) return end(parts, service, facts, before);
  const spec = dispatch.specOf(service);
  const mayRepeat = mayRunAgain(spec, before.method, message.headers);
  if (before.state === "running" && !mayRepeat)
    return fail(parts, service, facts, before, "CALL_INTERRUPTED");
  if (before.attempts >= maxAttempts) return fail(parts, service, facts, before, "CALL_INTERRUPTED");
  const running: CallRecord = { ...timesOf(before), attempts: before.attempts + 1, state: "running" };
  await calls.records.put(facts.id, running);
  const data = facts.body === undefined ? message.data : await calls.bodies.read(facts.body);
  const ran = await send(
    parts,
    service,
    spec,
    { headers: headersOf(message, facts, running.attempts), data },
    signal,
  );
  if (ran.kind === "answered") {
    const reply = await storeReply(calls, facts.id, ran);
    return end(parts, service, facts, { ...running, state: "done", endedAt: Date.now(), reply });
  }
  if (ran.isBegun && !(ran.isLost && mayRepeat)) {
    const code = ran.isLost ? "CALL_INTERRUPTED" : ran.code;
    return fail(parts, service, facts, running, code);
  }
  if (ran.isBegun && !signal.aborted) return AGAIN;
  await calls.records.put(facts.id, { ...timesOf(before), state: "queued", code: ran.code });
  return { kind: "not-begun", code: ran.code };
}

/** The record of a call; a new one where its gateway has not written it yet, or it is too old to be kept. */
async function recordOf(
  { calls }: RunCallParts,
  service: string,
  { id }: CallFacts,
  { headers = new Map(), storedAt }: PulledMessage,
): Promise<CallRecord> {
  const read = await calls.records.get(id);
  if (read?.ok === true) return read.value;
  return {
    ...{ state: "queued", function: service, attempts: 0, acceptedAt: storedAt.getTime() },
    method: headerValue(headers, headerNames.method) ?? "GET",
    requestId: headerValue(headers, headerNames.requestId) ?? id,
  };
}

function timesOf({ function: name, method, requestId, acceptedAt, attempts }: CallRecord) {
  return { function: name, method, requestId, acceptedAt, attempts };
}

function mayRunAgain(spec: FunctionSpec | undefined, method: string, headers: Headers = new Map()): boolean {
  const repeat = typeof spec?.async === "object" ? spec.async.repeat : "always";
  return repeat === "always" || isRepeatable(method, headers.has("Idempotency-Key"));
}

/** The request's own fields, with the facts of this attempt. */
function headersOf({ headers = new Map() }: PulledMessage, { id }: CallFacts, attempt: number): Headers {
  const own = [...headers].filter(([name]) => !/^(?:nats-|narun-call$)/i.test(name));
  const sent: Headers = new Map(own);
  sent.set(callFields.id, [id]);
  sent.set(callFields.attempt, [String(attempt)]);
  return sent;
}

type Ran =
  | { kind: "answered"; headers: Headers; data: Uint8Array }
  /** `isBegun`: a handler may have begun. `isLost`: it died, or its answer did. */
  | { kind: "failed"; code: ErrorCode; isBegun: boolean; isLost: boolean };

const LOST: ReadonlySet<ErrorCode> = new Set([
  "CONSUMER_DIED",
  "STREAM_BROKEN",
  "CLIENT_GONE",
  "GATEWAY_DRAINING",
]);

async function send(
  { dispatch, nats }: RunCallParts,
  service: string,
  spec: FunctionSpec | undefined,
  { headers, data }: { headers: Headers; data: Uint8Array },
  signal: AbortSignal,
): Promise<Ran> {
  const timeoutMs = spec?.limits.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const { promise, resolve } = Promise.withResolvers<Outcome | undefined>();
  const first = spec?.mode === "exec" ? data : data.subarray(0, MAX_FRAME_BYTES);
  const dispatched = dispatch.dispatcher.dispatch({
    service,
    head: {
      headers: () => new Map(headers),
      text: () => requestTextOf({ headers, data }, service),
      ...{ hops: 0, isUpgrade: false },
    },
    data: first,
    rest: data.byteLength > first.byteLength ? bytesLeft(data.subarray(first.byteLength)) : undefined,
    streams: true,
    isRepeatable: false,
    endsAtMs: performance.now() + timeoutMs + TELL_MS,
    settle: resolve,
  });
  const leave = () => {
    dispatch.dispatcher.cancel(dispatched);
    resolve(undefined);
  };
  signal.addEventListener("abort", leave, { once: true });
  try {
    const outcome = await promise;
    const failed = (code: ErrorCode): Ran => ({
      ...{ kind: "failed", code, isBegun: dispatched.sends > 0, isLost: LOST.has(code) },
    });
    if (outcome === undefined) return failed("CLIENT_GONE");
    if (outcome.kind === "failed") return failed(outcome.code);
    if (outcome.kind === "reply" && codeOf(outcome.reply) === "NOT_BEGUN")
      return { kind: "failed", code: "NOT_BEGUN", isBegun: false, isLost: false };
    if (outcome.kind === "reply")
      return { kind: "answered", headers: outcome.reply.headers(), data: outcome.reply.data };
    const body = await collectBody(
      outcome.body,
      Math.min(MAX_CALL_BYTES, spec?.limits.maxResponseBytes ?? MAX_CALL_BYTES),
    );
    if (body instanceof Uint8Array) return { kind: "answered", headers: outcome.reply.headers(), data: body };
    dispatch.dispatcher.cancel(dispatched);
    return { kind: "failed", code: body, isBegun: true, isLost: LOST.has(body) && nats.state !== "closed" };
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

function codeOf(reply: Reply): ErrorCode | undefined {
  const read = reply.read();
  return read.kind === "failed" ? read.code : undefined;
}

async function storeReply(
  { bodies }: Calls,
  id: string,
  { headers, data }: Extract<Ran, { kind: "answered" }>,
): Promise<StoredReply> {
  const fields: StoredReply["headers"] = [...headers].filter(([name]) => name !== headerNames.stream);
  if (data.byteLength <= MAX_INLINE_BYTES)
    return { headers: fields, data: Buffer.from(data).toString("base64") };
  const object = `results/${id}`;
  await bodies.put(object, data);
  return { headers: fields, object };
}

function fail(
  parts: RunCallParts,
  service: string,
  facts: CallFacts,
  record: CallRecord,
  code: ErrorCode,
): Promise<BatchResult> {
  return end(parts, service, facts, { ...timesOf(record), state: "failed", endedAt: Date.now(), code });
}

/** Keeps the end of a call (I2), and tells who waits for it. */
async function end(
  parts: RunCallParts,
  service: string,
  facts: CallFacts,
  record: EndedCall,
): Promise<BatchResult> {
  const { calls, nats } = parts;
  await calls.records.put(facts.id, record);
  if (facts.callback !== undefined) await calls.submitCallback(service, facts);
  if (facts.body !== undefined) await calls.bodies.delete(facts.body).catch(() => undefined);
  nats.publish(subjects.callEnded(facts.id), "");
  return ACKED;
}

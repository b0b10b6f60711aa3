/**
 * Accepts calls, and answers with their results.
 *
 * I1  A call is answered 202 when it is durable: its message is in the stream, its record in the bucket.
 * I2  Requests with the same `Idempotency-Key` are one call for a day. The key belongs to a function and to the credentials
 *     that came with it, so that a guessed key brings no result of another client.
 * I3  An id is a random number of 128 bits: it is all that a reader of the result needs.
 */
import { createHash, randomBytes } from "node:crypto";
import {
  CALLS_PATH,
  type CallFacts,
  type CallRecord,
  type EndedCall,
  type ErrorCode,
  headerNames,
  headerValue,
  isEnded,
  isNarunError,
  MAX_CALL_BYTES,
  NarunError,
  subjects,
} from "../../contracts/index.ts";
import { type Calls, hasCalls, openCalls, storeProblem } from "../../nats/index.ts";
import { failureResponse, type GatewayResponse, problemResponse } from "../http/gateway-response.ts";
import type { AcceptedRequest, AsyncDoorOptions, ResultRequest } from "./async-requests.ts";
import { checkCallback } from "./check-callback.ts";
import { responseOfCall } from "./response-of-call.ts";

const ID_BYTES = 16;
const ID = /^[\w-]{22}$/;

/** How often a waiting client's call is looked at, besides the message at its end. */
const LOOK_MS = 2_000;

export class AsyncCalls {
  readonly #options: AsyncDoorOptions;
  #opening: Promise<Calls> | undefined;

  constructor(options: AsyncDoorOptions) {
    this.#options = options;
  }

  async accept(request: AcceptedRequest): Promise<GatewayResponse> {
    const { requestId, destination, waitMs } = request;
    try {
      if (request.data.byteLength > MAX_CALL_BYTES) throw new NarunError("BODY_TOO_LARGE");
      const callback = await this.#callbackOf(request);
      const calls = await this.#open();
      const facts = await this.#store(calls, request, callback);
      const ended = waitMs > 0 ? await this.#untilEnded(calls, facts.id, request) : undefined;
      if (ended !== undefined) return await this.#ended(calls, ended, request);
      return accepted(facts.id, facts.location, "queued", ["Preference-Applied", "respond-async"]);
    } catch (error) {
      if (isNarunError(error) && error.code === "CALLBACK_REFUSED")
        return problemResponse(error.code, requestId, error.fields.detail);
      const code = isNarunError(error) ? error.code : undefined;
      if (code !== undefined && ACCEPTANCE_CODES.has(code))
        return failureResponse(code, requestId, destination);
      if (storeProblem(error) === undefined && code === undefined) throw error;
      return failureResponse("CALL_NOT_STORED", requestId, destination);
    }
  }

  async result(request: ResultRequest): Promise<GatewayResponse> {
    const { id, requestId, method, path, waitMs, isForState } = request;
    if (method !== "GET" && method !== "HEAD")
      return problemResponse("METHOD_NOT_ALLOWED", requestId, undefined, ["Allow", "GET, HEAD"]);
    // A request for a result makes no stores.
    const isThere = ID.test(id) && (this.#opening !== undefined || (await hasCalls(this.#options.nats)));
    if (!isThere) return problemResponse("CALL_NOT_FOUND", requestId);
    const calls = await this.#open();
    if (waitMs > 0) await this.#untilEnded(calls, id, request);
    const read = await calls.records.get(id);
    if (read === undefined || !read.ok) return problemResponse("CALL_NOT_FOUND", requestId);
    if (isForState) return stateResponse(id, read.value);
    if (isEnded(read.value)) return this.#ended(calls, read.value, request);
    return accepted(id, path, read.value.state, ["Retry-After", "1"]);
  }

  #open(): Promise<Calls> {
    this.#opening ??= openCalls(this.#options.nats).catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #callbackOf({ callback, destination: { spec } }: AcceptedRequest): Promise<string | undefined> {
    const settings = typeof spec?.async === "object" ? spec.async : undefined;
    const wanted = callback ?? settings?.callback;
    if (wanted === undefined) return undefined;
    if (settings?.secret === undefined)
      throw new NarunError("CALLBACK_REFUSED", { detail: "the function has no `async.secret`" });
    await checkCallback(wanted, spec?.egress ?? []);
    return wanted;
  }

  /** Stores a call, or finds the one of its key. */
  async #store(calls: Calls, request: AcceptedRequest, callback: string | undefined): Promise<CallFacts> {
    const { destination, headers } = request;
    const factsOf = (id: string): CallFacts => ({
      id,
      location: `${request.base}${CALLS_PATH}${id}`,
      ...(callback === undefined ? {} : { callback }),
    });
    const facts = factsOf(randomBytes(ID_BYTES).toString("base64url"));
    const key = headerValue(headers, "Idempotency-Key");
    if (key === undefined) {
      await submit(calls, request, facts);
      return facts;
    }
    const digest = digestOf([
      key,
      headerValue(headers, "Authorization") ?? "",
      headerValue(headers, "Cookie") ?? "",
    ]);
    const place = `${destination.service}.${digest}`;
    const print = printOf(request, callback);
    const own = { id: facts.id, print, isStored: false };
    const made = await calls.keys.create(place, own);
    const read = made === undefined ? await calls.keys.get(place) : undefined;
    const found = read?.ok === true ? read.value : own;
    if (found.print !== print) throw new NarunError("IDEMPOTENCY_KEY_REUSED");
    const all = factsOf(found.id);
    if (found.isStored) return all;
    await submit(calls, request, all);
    const revision = made ?? read?.revision;
    if (revision !== undefined) await calls.keys.update(place, { ...found, isStored: true }, revision);
    return all;
  }

  /** The end of a call, within the wait; undefined where it is not over then. */
  async #untilEnded(
    calls: Calls,
    id: string,
    { waitMs, signal }: { waitMs: number; signal: AbortSignal },
  ): Promise<EndedCall | undefined> {
    const endsAtMs = performance.now() + waitMs;
    let wake = (): void => undefined;
    const subscription = this.#options.nats.subscribe(subjects.callEnded(id), () => wake());
    const onAbort = () => wake();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      for (;;) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        const read = await calls.records.get(id);
        if (read?.ok === true && isEnded(read.value)) return read.value;
        const leftMs = endsAtMs - performance.now();
        if (read === undefined || leftMs <= 0 || signal.aborted) return undefined;
        const timer = setTimeout(resolve, Math.min(leftMs, LOOK_MS));
        await promise;
        clearTimeout(timer);
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      subscription.unsubscribe();
    }
  }

  #ended(
    calls: Calls,
    record: EndedCall,
    { requestId, method }: { requestId: string; method: string },
  ): Promise<GatewayResponse> {
    const service = record.function;
    const destination = { service, spec: this.#options.specOf(service) };
    return responseOfCall(calls, record, { requestId, method, destination });
  }
}

/** Codes that tell the client why its call is not accepted. Others are faults. */
const ACCEPTANCE_CODES: ReadonlySet<ErrorCode> = new Set([
  "BODY_TOO_LARGE",
  "CALL_QUEUE_FULL",
  "CALL_NOT_STORED",
  "IDEMPOTENCY_KEY_REUSED",
  "NATS_NO_MAJORITY",
]);

async function submit(calls: Calls, request: AcceptedRequest, facts: CallFacts): Promise<void> {
  const { destination, headers, data, method, requestId } = request;
  const stored = new Map(headers);
  // They tell the time of this request, not of the later run.
  stored.delete(headerNames.deadline);
  stored.delete(headerNames.timeout);
  const { service } = destination;
  const queued: CallRecord = {
    ...{ state: "queued", function: service, method, requestId },
    ...{ acceptedAt: Date.now(), attempts: 0 },
  };
  // A node may have begun the call before its record is written: then the record is the node's.
  await Promise.all([
    calls.submit({ service, facts, headers: stored, data }),
    calls.records.create(facts.id, queued),
  ]);
}

function digestOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex");
}

/** The digest of a request: the same for the same request only. */
function printOf({ headers, method, data }: AcceptedRequest, callback: string | undefined): string {
  const of = (name: string) => headerValue(headers, name) ?? "";
  const target = [of(headerNames.rawPath), of(headerNames.query), of("Content-Type")];
  return digestOf([method, ...target, callback ?? "", data]);
}

function accepted(id: string, location: string, state: string, more: readonly string[]): GatewayResponse {
  return jsonResponse(202, { id, state, location }, ["Location", location, ...more]);
}

function stateResponse(id: string, record: CallRecord): GatewayResponse {
  const { state, attempts, acceptedAt } = record;
  const facts = {
    id,
    function: record.function,
    state,
    attempts,
    acceptedAt: new Date(acceptedAt).toISOString(),
  };
  const ended = isEnded(record) ? { endedAt: new Date(record.endedAt).toISOString() } : {};
  const code = "code" in record && record.code !== undefined ? { code: record.code } : {};
  return jsonResponse(200, { ...facts, ...ended, ...code }, []);
}

function jsonResponse(status: number, value: unknown, more: readonly string[]): GatewayResponse {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  const headers = [
    "Content-Type",
    "application/json",
    "Content-Length",
    String(body.length),
    "Cache-Control",
    "no-store",
  ];
  return { status, headers: [...headers, ...more], body };
}

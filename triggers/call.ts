/**
 * Calls functions on behalf of triggers: each call is a request through dispatch, like a request of HTTP. It is held, wakes the
 * function, keeps to its limits, and may run twice only where its trigger says so.
 *
 * I1  Dispatch is made at the first call: a node without triggers pays nothing.
 * I2  A call is settled once. After `close` every call fails with CONSUMER_DIED.
 */
import {
  type DecodedReply,
  type ErrorCode,
  encodeRequest,
  encodeTrigger,
  type FieldList,
  type FunctionSpec,
  headerNames,
  MAX_FRAME_BYTES,
  type TriggerFact,
} from "../contracts/index.ts";
import { Dispatch, type DispatchObserver, type Log, type Outcome } from "../dispatch/index.ts";
import type { Nats } from "../nats/index.ts";
import { bytesLeft, collectBody } from "../streams/index.ts";
import type { Traces } from "../traces/index.ts";
import { CallCounts, type CallEnd } from "./call-counts.ts";
import { beginCallSpan } from "./call-span.ts";
import type { SpecBook } from "./spec-book.ts";

export interface TriggerCall {
  /** The function. */
  service: string;
  fact: TriggerFact;
  /** How long the answer may take, hold included. Default: the function's `limits.timeoutMs`, which is also the upper bound. */
  timeoutMs?: number;
  /** Whether the call may run twice, as where an instance dies before it answers. */
  isRepeatable: boolean;
  /** In the log lines of the call. Default: a new one. */
  requestId?: string;
  /** Header fields beside it: `traceparent`. */
  fields?: FieldList;
  /** Aborted where the answer is no longer awaited: the outcome is CLIENT_GONE. */
  signal?: AbortSignal;
}

export type TriggerOutcome =
  /** The handler answered. `decodeTriggerAnswer` reads the data of `scheduled` and `queue`. */
  | { kind: "answered"; status: number; fields: FieldList; data: Uint8Array }
  /** No handler began, or its answer is lost: `code` says. `isBegun`: a handler may have begun. */
  | { kind: "failed"; code: ErrorCode; isBegun: boolean };

export interface TriggerCalls {
  call(call: TriggerCall): Promise<TriggerOutcome>;
  /** The dispatch that calls go through. It is made at the first use. */
  dispatch(): Promise<Dispatch>;
  readonly counts: CallCounts;
  close(): void;
}

export interface TriggerCallsOptions {
  /** Stays its owner's. */
  nats: Nats;
  /** The specs that the process follows. Default: dispatch follows them itself. */
  specs?: SpecBook;
  /** Takes the spans of calls. Default: none are made. */
  traces?: Traces | undefined;
  /** Counts what dispatch does. Default: nothing is counted. */
  observer?: DispatchObserver;
  log: Log;
}

/** How long a call is held for an instance: longer than a request of a person. Its deadline may be earlier. */
const HOLD_MS = 60_000;
/** How long an instance may take to tell that the time of a call is over. */
export const TELL_MS = 1_000;
/** For a service without a spec. */
const DEFAULT_TIMEOUT_MS = 30_000;
/** Upper bound of an answer: a batch of verdicts, or a reply. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export function createTriggerCalls(options: TriggerCallsOptions): TriggerCalls {
  const { nats, specs: book, observer = SILENT, log } = options;
  let made: { dispatch: Dispatch; started: Promise<void> } | undefined;
  let isClosed = false;
  const open = async (): Promise<Dispatch> => {
    if (made === undefined) {
      const dispatch = new Dispatch({
        ...{ nats, observer, log },
        // Triggers are no traffic: the connections to hosts would be one for each of them.
        shortPath: "off",
        hold: { holdMs: HOLD_MS },
        onSpecs: () => undefined,
        ...(book && { specs: (onChange: (name: string) => void) => book.follow(onChange) }),
      });
      made = { dispatch, started: dispatch.start() };
    }
    const { dispatch, started } = made;
    await started;
    return dispatch;
  };
  const counts = new CallCounts();
  return {
    dispatch: open,
    counts,
    async call(call) {
      const dispatch = await open();
      if (isClosed) return { kind: "failed", code: "CONSUMER_DIED", isBegun: false };
      const { service, fact, fields = [] } = call;
      const span = options.traces && beginCallSpan(options.traces, fields, { kind: fact.kind, service });
      const outcome = await callThrough(
        dispatch,
        span === undefined ? call : { ...call, fields: span.fields },
      );
      const threw = outcome.kind === "answered" && outcome.status >= 500;
      const code = outcome.kind === "failed" ? outcome.code : undefined;
      counts.note(service, fact.kind, endOf(outcome));
      span?.end(threw ? "HANDLER_THREW" : code);
      return outcome;
    },
    close() {
      isClosed = true;
      made?.dispatch.close();
    },
  };
}

function endOf(outcome: TriggerOutcome): CallEnd {
  if (outcome.kind === "failed") return outcome.code === "HANDLER_THREW" ? "threw" : "failed";
  return outcome.status >= 500 ? "threw" : "answered";
}

const SILENT: DispatchObserver = {
  replied: () => undefined,
  held: () => undefined,
  coldStart: () => undefined,
  resent: () => undefined,
};

async function callThrough(dispatch: Dispatch, call: TriggerCall): Promise<TriggerOutcome> {
  const { service, isRepeatable, signal } = call;
  if (signal?.aborted === true) return { kind: "failed", code: "CLIENT_GONE", isBegun: false };
  const timeoutMs = timeoutOf(call, dispatch.specOf(service));
  const body = encodeTrigger(call.fact);
  const headers = headersOf(call, timeoutMs);
  const { promise, resolve } = Promise.withResolvers<Outcome | undefined>();
  const data = body.subarray(0, MAX_FRAME_BYTES);
  const dispatched = dispatch.dispatcher.dispatch({
    service,
    // Triggers go over NATS only: the head of a request on a socket has no place for them.
    head: { headers: () => new Map(headers), text: () => undefined, hops: 0, isUpgrade: false },
    data,
    rest: body.byteLength > data.byteLength ? bytesLeft(body.subarray(data.byteLength)) : undefined,
    streams: true,
    isRepeatable,
    // The instance knows whether the handler began: it is heard first.
    endsAtMs: performance.now() + timeoutMs + TELL_MS,
    settle: resolve,
  });
  const leave = () => {
    dispatch.dispatcher.cancel(dispatched);
    resolve(undefined);
  };
  signal?.addEventListener("abort", leave, { once: true });
  try {
    const outcome = await promise;
    const isBegun = dispatched.sends > 0;
    if (outcome === undefined) return { kind: "failed", code: "CLIENT_GONE", isBegun };
    if (outcome.kind === "failed") return { kind: "failed", code: outcome.code, isBegun };
    const read = outcome.reply.read();
    if (outcome.kind === "reply") return answerOf(read, outcome.reply.data);
    const collected = await collectBody(outcome.body, MAX_ANSWER_BYTES);
    if (!(collected instanceof Uint8Array)) {
      dispatch.dispatcher.cancel(dispatched);
      return { kind: "failed", code: collected, isBegun: true };
    }
    return answerOf(read, collected);
  } finally {
    signal?.removeEventListener("abort", leave);
  }
}

function timeoutOf({ timeoutMs }: TriggerCall, spec: FunctionSpec | undefined): number {
  const mostMs = spec?.limits.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  return Math.min(timeoutMs ?? mostMs, mostMs);
}

/** A request of HTTP to `/.narun/<kind>`, as a program without handlers sees it. */
export function headersOf(
  { service, fact, requestId, fields = [] }: Pick<TriggerCall, "service" | "fact" | "requestId" | "fields">,
  timeoutMs: number,
) {
  const headers = encodeRequest(
    {
      method: "POST",
      rawPath: `/.narun/${fact.kind}`,
      query: "",
      host: service,
      scheme: "http",
      fields,
      requestId: requestId ?? crypto.randomUUID(),
    },
    { timeoutMs },
  );
  if (headers === undefined) throw new TypeError("a header field of a trigger has a line end");
  return headers.set(headerNames.trigger, [fact.kind]);
}

function answerOf(read: DecodedReply, data: Uint8Array): TriggerOutcome {
  switch (read.kind) {
    case "failed":
      return { kind: "failed", code: read.code, isBegun: read.code !== "NOT_BEGUN" };
    case "service-error":
      return { kind: "failed", code: "SERVICE_ERROR", isBegun: true };
    case "response":
      return { kind: "answered", status: read.status, fields: read.fields, data };
  }
}

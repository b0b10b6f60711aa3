/**
 * The spans of one request at the gateway: the request itself, and where it was held the hold, and the start that it waited for.
 *
 * I1  The function finds the request's span as its parent, whether the trace is recorded or not.
 * I2  A trace that is not recorded costs its ids, and no span.
 */
import {
  type FieldList,
  formatTraceparent,
  readTraceFields,
  type TraceContext,
  withTraceparent,
} from "../../contracts/index.ts";
import type { Outcome } from "../../dispatch/index.ts";
import {
  type Attributes,
  childOf,
  epochMs,
  randomTraceId,
  type Span,
  spanKinds,
  type Traces,
} from "../../traces/index.ts";

/** The name of the gateway's own spans. */
const SERVICE = "narun-gateway";

const NONE: Attributes = {};

/** The start of an instance that requests waited for. */
export interface Start {
  /** By `performance.now()`. */
  readonly endMs: number;
  readonly startMs: number;
  readonly phases: Readonly<Record<string, number>>;
}

export interface RequestTraceOptions {
  traces: Traces;
  /** The fields of the request. */
  fields: FieldList;
  /** By `performance.now()`. */
  startedMs: number;
  /** The last start of a service. */
  startOf(service: string): Start | undefined;
}

/** How a request ended. */
export interface RequestEnd {
  attributes?: Attributes;
  /** The failure: a code, or the status. */
  error?: string | undefined;
}

export class RequestTrace {
  readonly #options: RequestTraceOptions;
  readonly #context: TraceContext;
  readonly #parent: TraceContext | undefined;
  readonly #state: string | undefined;
  #dispatchedMs = 0;
  #name = "";
  #attributes: Attributes = NONE;
  #error: string | undefined;
  #isOver = false;

  constructor(options: RequestTraceOptions) {
    const { context, state } = readTraceFields(options.fields);
    const { sampler } = options.traces;
    const traceId = context?.traceId ?? randomTraceId();
    this.#options = options;
    this.#parent = context;
    this.#state = state;
    this.#context = childOf({ traceId, spanId: "", isSampled: sampler(traceId, context) });
    this.dispatched();
  }

  /** Whether spans are made of it. Else nothing needs its description. */
  get isRecorded(): boolean {
    return this.#context.isSampled;
  }

  /** The `traceparent` for the function. */
  get traceparent(): string {
    return formatTraceparent(this.#context);
  }

  /** The fields of the request, as the function gets them. */
  get fields(): string[] {
    return withTraceparent(this.#options.fields, this.traceparent, this.#parent !== undefined);
  }

  describe(name: string, attributes: Attributes): void {
    this.#name = name;
    this.#attributes = attributes;
  }

  /** The request goes to dispatch. Default: it did when its trace began. */
  dispatched(): void {
    if (this.isRecorded) this.#dispatchedMs = performance.now();
  }

  /** Dispatch has an answer, or gave the request up. */
  settled(service: string, outcome: Outcome): void {
    if (!this.#context.isSampled || this.#isOver) return;
    if (outcome.kind === "failed") this.#error = outcome.code;
    if (outcome.cold === undefined) return;
    const { heldMs, startMs } = outcome.cold;
    const heldUntilMs = this.#dispatchedMs + heldMs;
    const hold = childOf(this.#context);
    this.#record(hold, this.#context, "hold", [this.#dispatchedMs, heldUntilMs]);
    if (startMs === undefined) return;
    const start = this.#options.startOf(service) ?? { endMs: heldUntilMs, startMs, phases: {} };
    this.#recordStart(hold, start, service);
  }

  /** The request is over. Only its first end counts. */
  end({ attributes = {}, error }: RequestEnd = {}): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.#context.isSampled) return;
    const failed = this.#error ?? error;
    this.#options.traces.record({
      ...this.#span(this.#context, this.#parent, [this.#options.startedMs, performance.now()]),
      name: this.#name,
      kind: spanKinds.server,
      attributes: {
        ...this.#attributes,
        ...attributes,
        ...(failed === undefined ? {} : { "error.type": failed }),
      },
      error: failed,
    });
  }

  /** The phases lie one behind the other, and the last one ends with the start. Before them the node was asked. */
  #recordStart(hold: TraceContext, { endMs, startMs, phases }: Start, service: string): void {
    const start = childOf(hold);
    this.#record(start, hold, "start", [endMs - startMs, endMs], { "narun.function": service });
    const all = Object.entries(phases);
    let atMs = endMs - all.reduce((sum, [, ms]) => sum + ms, 0);
    for (const [phase, ms] of all) {
      this.#record(childOf(start), start, `start.${phase}`, [atMs, atMs + ms]);
      atMs += ms;
    }
  }

  #record(
    context: TraceContext,
    parent: TraceContext,
    name: string,
    times: [number, number],
    attributes: Attributes = {},
  ): void {
    const kind = spanKinds.internal;
    this.#options.traces.record({ ...this.#span(context, parent, times), name, kind, attributes });
  }

  #span(
    { traceId, spanId }: TraceContext,
    parent: TraceContext | undefined,
    [startMs, endMs]: [number, number],
  ): Omit<Span, "name" | "kind" | "attributes"> {
    return {
      ...{ traceId, spanId, parentId: parent?.spanId, state: this.#state, service: SERVICE },
      ...{ startMs: epochMs(startMs), endMs: epochMs(endMs) },
    };
  }
}

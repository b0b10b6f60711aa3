/**
 * The traces that the requests of an instance belong to: their fields for work on their behalf, their ids for the log, and where
 * the node exports spans, the span of each request and of each call that it makes.
 *
 * I1  A request without a `traceparent` costs one look for it, and nothing is kept of it.
 * I2  A span is made where the node exports spans and the trace is recorded. The function then finds the
 *     place of that span in its request, and hands it on.
 * I3  The trace of a request is kept until its background work is over, and its id longer, for late lines of the log.
 */
import {
  BoundedMap,
  type ErrorCode,
  formatTraceparent,
  readTraceFields,
  type TraceContext,
  type TraceFields,
  traceNames,
  withTraceparent,
} from "../../contracts/index.ts";
import { childOf, epochMs, type Span, type SpanSink, spanKinds } from "../../traces/index.ts";
import { blockOfFields, fieldsOfBlock } from "./header-block.ts";
import type { CallFacts, CallTrace, RequestTraces } from "./request-traces.ts";
import type { IncomingRequest } from "./sandbox.ts";

export interface InstanceTracesOptions {
  /** The name of the function. */
  service: string;
  instance: string;
  revision: string;
  /** Undefined: the node exports no spans. */
  spans: SpanSink | undefined;
}

/** How a request ended. */
export interface RunEnd {
  method: string;
  status: number | undefined;
  error: ErrorCode | undefined;
}

interface Traced {
  readonly fields: TraceFields & { context: TraceContext };
  /** Undefined: no span is made. */
  readonly run: { parent: TraceContext; startMs: number } | undefined;
}

const PARENT_LINE = `${traceNames.parent}\n`;
/** Upper bound of the requests that are kept for late lines. */
const MAX_IDS = 1_024;

export class InstanceTraces implements RequestTraces {
  readonly #options: InstanceTracesOptions;
  readonly #requests = new Map<number, Traced>();
  /** By the ids that clients know requests by. */
  readonly #ids = new BoundedMap<string, string>(MAX_IDS);

  constructor(options: InstanceTracesOptions) {
    this.#options = options;
  }

  /** A request begins. The function finds the place of its span as `traceparent`. */
  open(id: number, incoming: Pick<IncomingRequest, "headerBlock" | "requestId">): void {
    if (!incoming.headerBlock.includes(PARENT_LINE)) return;
    const list = fieldsOfBlock(incoming.headerBlock);
    const read = readTraceFields(list);
    const { context } = read;
    if (context === undefined) return;
    this.#ids.set(copyOf(incoming.requestId), copyOf(context.traceId));
    if (this.#options.spans === undefined || !context.isSampled) {
      this.#requests.set(id, { fields: { ...read, context }, run: undefined });
      return;
    }
    const own = childOf(context);
    incoming.headerBlock = blockOfFields(withTraceparent(list, formatTraceparent(own), true));
    const run = { parent: context, startMs: performance.now() };
    this.#requests.set(id, { fields: { ...read, context: own }, run });
  }

  of(id: number): TraceFields | undefined {
    return this.#requests.get(id)?.fields;
  }

  /** The trace of a request, by the id that its client knows it by. */
  traceIdOf(requestId: string): string | undefined {
    return this.#ids.get(requestId);
  }

  call(id: number): CallTrace | undefined {
    const traced = this.#requests.get(id);
    if (traced?.run === undefined) return undefined;
    const { fields } = traced;
    const context = childOf(fields.context);
    const startMs = performance.now();
    return {
      fields: { ...fields, context },
      end: (facts) => this.#record({ ...facts, context, parent: fields.context, startMs }, fields.state),
    };
  }

  called(id: number, spanId: string, ms: number, call: CallFacts): void {
    const traced = this.#requests.get(id);
    if (traced?.run === undefined || !/^[\da-f]{16}$/.test(spanId)) return;
    const parent = traced.fields.context;
    const startMs = Math.max(traced.run.startMs, performance.now() - Math.max(ms || 0, 0));
    this.#record({ ...call, context: { ...parent, spanId }, parent, startMs }, traced.fields.state);
  }

  /** A request was answered. */
  over(id: number, { method, status, error }: RunEnd): void {
    const traced = this.#requests.size === 0 ? undefined : this.#requests.get(id);
    if (traced?.run === undefined) return;
    const { service, instance, revision } = this.#options;
    const attributes = {
      "http.request.method": method,
      "faas.name": service,
      "faas.instance": instance,
      "faas.version": revision,
      ...(status === undefined ? {} : { "http.response.status_code": status }),
      ...(error === undefined ? {} : { "error.type": error }),
    };
    const { context, state } = traced.fields;
    const facts = { name: `run ${service}`, kind: spanKinds.server, attributes, error };
    this.#record({ ...facts, context, ...traced.run }, state);
  }

  /** A request and its background work are over. */
  forget(id: number): void {
    if (this.#requests.size > 0) this.#requests.delete(id);
  }

  #record(
    {
      context: { traceId, spanId },
      parent,
      startMs,
      ...facts
    }: CallFacts & { context: TraceContext; parent: TraceContext; startMs: number },
    state: string | undefined,
  ): void {
    const span: Span = {
      ...{ traceId, spanId, parentId: parent.spanId, state, ...facts },
      ...{ startMs: epochMs(startMs), endMs: epochMs(), service: this.#options.service },
    };
    this.#options.spans?.record(span);
  }
}

/** A part of a text would keep the whole text. */
function copyOf(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}

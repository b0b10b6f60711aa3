import type { TraceContext } from "../contracts/index.ts";
import { randomSpanId } from "./ids.ts";

/** The kinds of spans, by their numbers in OTLP. */
export const spanKinds = { internal: 1, server: 2, client: 3, producer: 4 } as const;
export type SpanKind = (typeof spanKinds)[keyof typeof spanKinds];

export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A span that has ended: plain data, which crosses between processes. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** Undefined: it is the first of its trace. */
  readonly parentId: string | undefined;
  /** The value of `tracestate`. */
  readonly state?: string | undefined;
  readonly name: string;
  readonly kind: SpanKind;
  /** Epoch milliseconds, with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  /** The failure: a code, or the name of an error. Undefined: there is none. */
  readonly error?: string | undefined;
  /** The program that the span is about: `service.name` of its resource. */
  readonly service: string;
}

/** Takes the spans that have ended. It never throws, and holds a bounded number of them. */
export interface SpanSink {
  record(span: Span): void;
}

/** A new place below another one. */
export function childOf(parent: TraceContext): TraceContext {
  return { ...parent, spanId: randomSpanId() };
}

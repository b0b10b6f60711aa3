import type { TraceFields } from "../../contracts/index.ts";
import type { Attributes, SpanKind } from "../../traces/index.ts";

/** The places of an instance's requests in their traces. */
export interface RequestTraces {
  /** The fields that work on behalf of a request hands on. */
  of(id: number): TraceFields | undefined;
  /** Begins the span of a call that a request makes; undefined where it is not recorded. */
  call(id: number): CallTrace | undefined;
  /** A call is over that the code has made by itself, with a span of this id, and that took so long. All of it is user input. */
  called?(id: number, spanId: string, ms: number, call: CallFacts): void;
}

/** The span of one call. */
export interface CallTrace {
  /** The fields that the call hands on. */
  readonly fields: TraceFields;
  /** The call is over. */
  end(call: CallFacts): void;
}

export interface CallFacts {
  name: string;
  kind: SpanKind;
  attributes: Attributes;
  error: string | undefined;
}

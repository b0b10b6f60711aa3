export { epochMs } from "./clock.ts";
export { randomTraceId } from "./ids.ts";
export { SAMPLERS, takesNone } from "./sampler.ts";
export { type Attributes, childOf, type Span, type SpanKind, type SpanSink, spanKinds } from "./span.ts";
export { type ClosableTraces, startTraces, type Traces, type TracesOptions } from "./traces.ts";

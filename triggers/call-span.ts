/** The span of a trigger's call: the function finds it as the parent of its own. */
import { type FieldList, formatTraceparent, readTraceFields, withTraceparent } from "../contracts/index.ts";
import { childOf, epochMs, randomTraceId, spanKinds, type Traces } from "../traces/index.ts";

/** The name of the spans' program. */
const SERVICE = "narun-triggers";

export interface CallSpan {
  /** The fields of the call, for the function. */
  readonly fields: FieldList;
  /** `error`: why the call failed. */
  end(error: string | undefined): void;
}

/** Continues the trace that the fields name, or begins one. */
export function beginCallSpan(
  traces: Traces,
  fields: FieldList,
  about: { kind: string; service: string },
): CallSpan {
  const { context: parent, state } = readTraceFields(fields);
  const traceId = parent?.traceId ?? randomTraceId();
  const context = childOf({ traceId, spanId: "", isSampled: traces.sampler(traceId, parent) });
  const startedMs = performance.now();
  return {
    fields: withTraceparent(fields, formatTraceparent(context), parent !== undefined),
    end(error) {
      if (!context.isSampled) return;
      traces.record({
        traceId,
        spanId: context.spanId,
        parentId: parent?.spanId,
        state,
        name: `trigger ${about.kind} ${about.service}`,
        kind: spanKinds.server,
        startMs: epochMs(startedMs),
        endMs: epochMs(performance.now()),
        attributes: { "narun.function": about.service, "narun.trigger": about.kind },
        error,
        service: SERVICE,
      });
    },
  };
}

/** The fields of a trace on a request that a function sends. A field that the function has set itself stays as it is. */
import { formatTraceparent, type TraceFields, traceNames } from "../../../contracts/index.ts";

/**
 * The fields to add to the request. `given`: the value of a field of the function's own. A function that passes its own request on
 * has not set the `traceparent` that stands in it: the request gets the call's.
 */
export function traceToHandOn(
  trace: TraceFields | undefined,
  given: (name: string) => string | undefined,
  { hasBaggage }: { hasBaggage: boolean },
): [name: string, value: string][] {
  if (trace?.context === undefined) return [];
  const own = given(traceNames.parent);
  if (own !== undefined && !own.includes(trace.context.traceId)) return [];
  const fields: [string, string][] = [[traceNames.parent, formatTraceparent(trace.context)]];
  const { state, baggage } = trace;
  if (state !== undefined && given(traceNames.state) === undefined) fields.push([traceNames.state, state]);
  if (hasBaggage && baggage !== undefined && given(traceNames.baggage) === undefined)
    fields.push([traceNames.baggage, baggage]);
  return fields;
}

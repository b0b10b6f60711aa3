/** `fetch` of Node that carries on the trace of the request for which it is called, as in an isolate. */
import { AsyncLocalStorage } from "node:async_hooks";
import { readTraceFields, type TraceFields } from "../../../../contracts/index.ts";
import { traceToHandOn } from "../../../isolate/operations/handed-on-trace.ts";

const traces = new AsyncLocalStorage<TraceFields>();

/** Runs a handler. Its calls of `fetch` belong to the trace of the request. */
export function withTraceOf<Result>(request: { headers: Headers }, run: () => Result): Result {
  if (!request.headers.has("traceparent")) return run();
  return traces.run(readTraceFields([...request.headers].flat()), run);
}

export function installTracedFetch(): void {
  const plain = globalThis.fetch;
  globalThis.fetch = function fetch(input, init) {
    const trace = traces.getStore();
    if (trace === undefined) return plain(input, init);
    const given = init?.headers ?? (input instanceof Request ? input.headers : undefined);
    const headers = new Headers(given);
    const added = traceToHandOn(trace, (name) => headers.get(name) ?? undefined, { hasBaggage: false });
    for (const [name, value] of added) headers.set(name, value);
    return plain(input, { ...init, headers });
  };
}

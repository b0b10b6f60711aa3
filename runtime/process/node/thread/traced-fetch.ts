/** `fetch` of Node that carries on the trace of the request for which it is called, as in an isolate, and tells of its span. */
import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import { readTraceFields, type TraceFields } from "../../../../contracts/index.ts";
import { traceToHandOn } from "../../../isolate/operations/handed-on-trace.ts";
import { currentOwner } from "./platform/owner.ts";

/** A call of `fetch` that is over: the request's id, the id of its span, its time, its method and its outcome. */
export type FetchReport = readonly [
  request: number,
  spanId: string,
  ms: number,
  method: string,
  url: string,
  status: number | undefined,
  error: string | undefined,
];

const traces = new AsyncLocalStorage<TraceFields>();

/** Runs a handler. Its calls of `fetch` belong to the trace of the request. */
export function withTraceOf<Result>(request: { headers: Headers }, run: () => Result): Result {
  if (!request.headers.has("traceparent")) return run();
  return traces.run(readTraceFields([...request.headers].flat()), run);
}

export interface TracedFetchOptions {
  /** Whether the trace is handed on. */
  handsOn: boolean;
  /** Takes the spans of recorded traces. Undefined: the node exports none. */
  report: ((report: FetchReport) => void) | undefined;
}

export function installTracedFetch({ handsOn, report }: TracedFetchOptions): void {
  const plain = globalThis.fetch;
  globalThis.fetch = function fetch(input, init) {
    const trace = traces.getStore();
    if (trace?.context === undefined) return plain(input, init);
    const isRecorded = report !== undefined && trace.context.isSampled;
    const spanId = isRecorded ? randomBytes(8).toString("hex") : trace.context.spanId;
    const own = { ...trace, context: { ...trace.context, spanId } };
    const answer = handsOn ? plain(input, withTrace(own, input, init)) : plain(input, init);
    if (isRecorded) tell(answer, report, [currentOwner(), spanId, performance.now()], input, init);
    return answer;
  };
}

type FetchInput = Parameters<typeof fetch>[0];

function withTrace(trace: TraceFields, input: FetchInput, init: RequestInit | undefined): RequestInit {
  const given = init?.headers ?? (input instanceof Request ? input.headers : undefined);
  const headers = new Headers(given);
  const added = traceToHandOn(trace, (name) => headers.get(name) ?? undefined, { hasBaggage: false });
  for (const [name, value] of added) headers.set(name, value);
  return { ...init, headers };
}

/** The answer is the caller's: this reader neither changes it nor handles its error. */
function tell(
  answer: Promise<Response>,
  report: (report: FetchReport) => void,
  [request, spanId, startedMs]: readonly [request: number, spanId: string, startedMs: number],
  input: FetchInput,
  init: RequestInit | undefined,
): void {
  const isRequest = input instanceof Request;
  const method = String(init?.method ?? (isRequest ? input.method : "GET")).toUpperCase();
  const url = isRequest ? input.url : String(input);
  const over = (status: number | undefined, error: string | undefined) =>
    report([request, spanId, performance.now() - startedMs, method, url, status, error]);
  answer.then(
    ({ status }) => over(status, undefined),
    (error: unknown) => over(undefined, error instanceof Error ? error.name : "Error"),
  );
}

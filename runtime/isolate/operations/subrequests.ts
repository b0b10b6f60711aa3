/**
 * Counts the requests that a request makes of its own: `limits.subrequests`.
 *
 * I1  A request keeps its count after its end, as its work may go on. Work of no request, or of a request that makes its first one
 *     after its end, shares a budget of the same size, renewed each minute.
 * I2  The owner is user input: a function that forges it gets no more than its requests have together.
 */
import { BoundedMap, type FunctionConfig } from "../../../contracts/index.ts";
import {
  type CallContext,
  CallError,
  type HostOperation,
  type HostOperations,
} from "../process/host-calls.ts";

export interface Subrequests {
  /** Counts one request. Throws a CallError `SUBREQUEST_LIMIT` beyond the limit. */
  count(context: Pick<CallContext, "owner" | "request">): void;
}

export interface SubrequestsOptions {
  config: Pick<FunctionConfig, "limits">;
  log(text: string, requestId: string | undefined): void;
  nowMs?: () => number;
}

const MINUTE_MS = 60_000;
/** Upper bound of the requests whose counts are kept. An instance cannot have as many open. */
const MAX_KEPT = 20_000;

export function createSubrequests({ config, log, nowMs = Date.now }: SubrequestsOptions): Subrequests {
  const limit = config.limits.subrequests;
  const counts = new BoundedMap<number, number>(MAX_KEPT);
  let others = { count: 0, sinceMs: nowMs() };

  const refuse = (whose: string, requestId: string | undefined, isFirst: boolean): never => {
    const text = `SUBREQUEST_LIMIT: ${whose} made ${limit} requests of its own, and limits.subrequests is ${limit}`;
    if (isFirst) log(text, requestId);
    throw new CallError("SUBREQUEST_LIMIT", text);
  };

  return {
    count({ owner, request }) {
      const own = counts.get(owner);
      if (own === undefined && request === undefined) {
        if (nowMs() - others.sinceMs >= MINUTE_MS) others = { count: 0, sinceMs: nowMs() };
        others.count += 1;
        if (others.count > limit) refuse("work outside of requests", undefined, others.count === limit + 1);
        return;
      }
      const count = (own ?? 0) + 1;
      counts.set(owner, count);
      if (count > limit) refuse("the request", request?.id, count === limit + 1);
    },
  };
}

/** A call to another function counts as a sub-request, as one by `fetch` does. */
export function countCalls(bindings: HostOperations, subrequests: Subrequests): HostOperations {
  const counted = Object.entries(bindings)
    .filter(([name]) => CALLS.has(name))
    .map(([name, call]): [string, HostOperation] => [
      name,
      (values, context) => {
        subrequests.count(context);
        return call(values, context);
      },
    ]);
  return { ...bindings, ...Object.fromEntries(counted) };
}

const CALLS: ReadonlySet<string> = new Set(["service.fetch", "service.call"]);

/**
 * The door to calls that are answered before they run: their requests come by the door of HTTP, and so do the requests for
 * their results. Loaded with the first of them.
 */
import { type Async, CALLS_PATH } from "../../contracts/index.ts";
import type { GatewayResponse } from "../http/gateway-response.ts";
import type { AsyncCalls } from "./async-calls.ts";
import type { AcceptedRequest, AsyncDoorOptions, ResultRequest } from "./async-requests.ts";

export interface AsyncDoor {
  accept(request: AcceptedRequest): Promise<GatewayResponse>;
  result(request: ResultRequest): Promise<GatewayResponse>;
}

export function createAsyncDoor(options: AsyncDoorOptions): AsyncDoor {
  let loading: Promise<AsyncCalls> | undefined;
  const load = () => {
    loading ??= import("./async-calls.ts").then((module) => new module.AsyncCalls(options));
    return loading;
  };
  return {
    accept: async (request) => (await load()).accept(request),
    result: async (request) => (await load()).result(request),
  };
}

/** The id of the call whose result a path is for. */
export function callIdOf(rawPath: string): string | undefined {
  const at = rawPath.lastIndexOf(CALLS_PATH);
  return at === -1 ? undefined : rawPath.slice(at + CALLS_PATH.length);
}

/** Whether a request is answered before it runs: by its route, its function, or as its client prefers. */
export function isAsync(
  ofRoute: boolean | undefined,
  async: Async | undefined,
  prefer: string | string[] | undefined,
): boolean {
  if (ofRoute !== undefined) return ofRoute;
  if (async === false) return false;
  const isAlways = async === true || (async !== undefined && async.when === "always");
  return isAlways || (prefer !== undefined && /(?:^|[,;\s])respond-async(?:$|[,;\s])/i.test(String(prefer)));
}

/** Upper bound of the wait for a result: proxies cut longer ones. */
const MAX_WAIT_SECONDS = 60;

/** How long a client waits: `Prefer: wait=10` (RFC 7240, section 4.3), in milliseconds. */
export function waitOf(prefer: string | undefined): number {
  const [, seconds] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?/i.exec(prefer ?? "") ?? [];
  return Math.min(Number(seconds ?? 0), MAX_WAIT_SECONDS) * 1_000;
}

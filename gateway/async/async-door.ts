/**
 * The door to calls that are answered before they run: their requests come by the door of HTTP, and so do the requests for
 * their results. Loaded with the first of them.
 */
import { type Async, CALLS_PATH, type FunctionSpec, type Headers } from "../../contracts/index.ts";
import type { Log } from "../../dispatch/index.ts";
import type { Nats } from "../../nats/index.ts";
import type { Destination, GatewayResponse } from "../http/gateway-response.ts";
import type { AsyncCalls } from "./async-calls.ts";

export interface AsyncDoorOptions {
  nats: Nats;
  specOf(service: string): FunctionSpec | undefined;
  log: Log;
}

/** A request that is to be answered before it runs. */
export interface AcceptedRequest {
  destination: Destination;
  requestId: string;
  method: string;
  /** The head in header mode. */
  headers: Headers;
  data: Uint8Array;
  /** The field `Narun-Callback`. */
  callback: string | undefined;
  /** The path below which its result is fetched. */
  base: string;
  /** How long its client waits for the result at most: `Prefer: wait=10`. */
  waitMs: number;
  /** Aborts when its client is gone, or the gateway drains. */
  signal: AbortSignal;
}

/** A request for the result of a call. */
export interface ResultRequest {
  id: string;
  path: string;
  requestId: string;
  method: string;
  /** The call's state in place of its result: `?state`. */
  isForState: boolean;
  waitMs: number;
  signal: AbortSignal;
}

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

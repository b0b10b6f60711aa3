/** The requests that the door of HTTP brings to calls that are answered before they run. */
import type { FunctionSpec, Headers } from "../../contracts/index.ts";
import type { Log } from "../../dispatch/index.ts";
import type { Nats } from "../../nats/index.ts";
import type { Destination } from "../http/gateway-response.ts";

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

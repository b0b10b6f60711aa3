import type { Capability, Limits } from "../../../../contracts/index.ts";
import type { Sealer } from "../../../../keys/index.ts";
import type { StreamParts } from "../../../../streams/index.ts";
import type { ServiceCalls } from "../../../calls/service-calls.ts";
import type { FindDeclared } from "./declared.ts";
import type { RateLimits } from "./rate-limits.ts";

/** The parts of a host that operations of bindings use, for one instance. */
export interface BindingContext {
  /** The name of the function. */
  name: string;
  streams: StreamParts;
  /** Default: calls go by gateways. */
  services?: ServiceCalls | undefined;
  rateLimits: RateLimits;
  /** With the labels' keys of the function. */
  sealer?: Sealer | undefined;
  declared: FindDeclared;
  /** All declared bindings of a kind. */
  allDeclared<K extends Capability["kind"]>(kind: K): Extract<Capability, { kind: K }>[];
  limits: Limits;
  /** The signal that aborts when a request is over; undefined for a request that is over already. */
  endOf(owner: number): AbortSignal | undefined;
  /** How many functions have called each other up to a request. */
  hopsOf(owner: number): number;
}

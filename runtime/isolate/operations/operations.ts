import type { FunctionConfig } from "../../../contracts/index.ts";
import type { Sealer } from "../../../keys/index.ts";
import type { StreamParts } from "../../../streams/index.ts";
import type { ServiceCalls } from "../../calls/service-calls.ts";
import type { Measure } from "../process/cpu-meter.ts";
import type { HostOperations } from "../process/host-calls.ts";
import { createBindings } from "./bindings/create-bindings.ts";
import type { RateLimits } from "./bindings/rate-limits.ts";
import { createCompressionOperations } from "./compression.ts";
import { createCryptoOperations } from "./crypto/operations.ts";
import { createFetch } from "./fetch/fetch.ts";
import { poolLanes } from "./lanes.ts";
import { countCalls, createSubrequests } from "./subrequests.ts";

export interface OperationsOptions extends StreamParts {
  /** The calls of the host process to other functions. Default: they go by gateways. */
  services?: ServiceCalls | undefined;
  /** The rate limits of the host process, for all its functions. */
  rateLimits: RateLimits;
  /** Seals the values of bindings with `seal:`. Default: they are refused. */
  sealer?: Sealer | undefined;
  config: FunctionConfig;
  /** The node's deny list: rules of egress. */
  egressDeny: readonly string[];
  /** Writes a message for the function's author into its log. */
  log(text: string, requestId: string | undefined): void;
  /** Does work on behalf of a request (0: of none), and charges the request with the CPU time. Default: nothing is charged. */
  measure?: Measure;
  /** Aborts when a request is over, its work in the background included; undefined where the request is over or unknown. */
  endOf?(owner: number): AbortSignal | undefined;
  /** The number of calls between functions that led to a request. Default: 0. */
  hopsOf?(owner: number): number;
}

/** All operations that a function's isolate may call on its host. */
export function createOperations(options: OperationsOptions): HostOperations {
  const { config, egressDeny, log, measure, endOf = () => undefined, hopsOf = () => 0 } = options;
  const { nats, peers, presence, calls, services, rateLimits, sealer } = options;
  const lane = poolLanes.open();
  const subrequests = createSubrequests({ config, log });
  const bindings = createBindings({
    streams: { nats, peers, presence, calls },
    services,
    rateLimits,
    sealer,
    config,
    endOf,
    hopsOf,
  });
  return {
    ...createCompressionOperations({ lane, measure }),
    ...createCryptoOperations({ lane, measure, memoryMb: config.limits.memoryMb }),
    ...countCalls(bindings, subrequests),
    ...createFetch({ config, egressDeny, log, subrequests }),
  };
}

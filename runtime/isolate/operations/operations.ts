import type { FunctionConfig } from "../../../contracts/index.ts";
import type { StreamParts } from "../../../streams/index.ts";
import type { Measure } from "../process/cpu-meter.ts";
import type { HostOperations } from "../process/host-calls.ts";
import { createBindings } from "./bindings/create-bindings.ts";
import type { RateLimits } from "./bindings/rate-limits.ts";
import { createCompressionOperations } from "./compression.ts";
import { createCryptoOperations } from "./crypto/operations.ts";
import { createFetch } from "./fetch/fetch.ts";
import { poolLanes } from "./lanes.ts";
import { createSubrequests, type Subrequests } from "./subrequests.ts";

export interface OperationsOptions extends StreamParts {
  /** The host's own, for all its functions. */
  rateLimits: RateLimits;
  config: FunctionConfig;
  /** What no function may reach: rules of egress. */
  egressDeny: readonly string[];
  /** Writes what the function's author has to know into its log. */
  log(text: string, requestId: string | undefined): void;
  /** Does work on behalf of a request (0: nobody's), and charges it with the CPU time. Default: nothing is charged. */
  measure?: Measure;
  /** Aborts when a request is over, its work in the background included; undefined where it is, or is none. */
  endOf?(owner: number): AbortSignal | undefined;
  /** How deep the calls between functions are that led to a request. Default: not at all. */
  hopsOf?(owner: number): number;
}

/** All that a function's isolate may ask its host to do. */
export function createOperations(options: OperationsOptions): HostOperations {
  const { config, rateLimits, endOf = () => undefined, hopsOf = () => 0, measure } = options;
  const lane = poolLanes.open();
  const subrequests = createSubrequests(options);
  return {
    ...createCompressionOperations({ lane, measure }),
    ...createCryptoOperations({ lane, measure, memoryMb: config.limits.memoryMb }),
    ...countCalls(createBindings({ streams: options, rateLimits, config, endOf, hopsOf }), subrequests),
    ...createFetch({ ...options, subrequests }),
  };
}

/** A call to another function is a request of its own as one by `fetch` is. */
function countCalls(bindings: HostOperations, subrequests: Subrequests): HostOperations {
  const { "service.fetch": call, ...others } = bindings;
  if (call === undefined) return others;
  return {
    ...others,
    "service.fetch": (values, context) => {
      subrequests.count(context);
      return call(values, context);
    },
  };
}

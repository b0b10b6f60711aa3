import type { FunctionConfig } from "../../../../contracts/index.ts";
import type { StreamParts } from "../../../../streams/index.ts";
import type { HostOperations } from "../../process/host-calls.ts";
import { createFindDeclared } from "./declared.ts";
import { createKvOperations } from "./kv.ts";
import { createObjectOperations } from "./objects.ts";
import { createPublishOperations } from "./publish.ts";
import { createServiceOperations } from "./service.ts";

export interface BindingsOptions {
  streams: StreamParts;
  config: FunctionConfig;
  /** Aborts when a request is over. */
  endOf(owner: number): AbortSignal | undefined;
  hopsOf(owner: number): number;
}

/** What a function's isolate may ask on behalf of its bindings: nothing that its configuration does not declare. */
export function createBindings({ streams, config, endOf, hopsOf }: BindingsOptions): HostOperations {
  const { nats } = streams;
  const { limits } = config;
  const declared = createFindDeclared(config);
  return {
    ...createKvOperations({ nats, declared, limits, endOf }),
    ...createObjectOperations({ nats, declared, limits, endOf }),
    ...createPublishOperations(nats, declared),
    ...createServiceOperations({ streams, declared, timeoutMs: limits.timeoutMs, endOf, hopsOf }),
  };
}

import type { FunctionConfig } from "../../../../contracts/index.ts";
import type { Nats } from "../../../../nats/index.ts";
import { createCryptoOperations } from "./crypto/operations.ts";
import type { HostOperations } from "./host-calls.ts";

export interface OperationsOptions {
  nats: Nats;
  config: FunctionConfig;
}

/** All that a function's isolate may ask its host to do. */
export function createOperations(_options: OperationsOptions): HostOperations {
  return { ...createCryptoOperations() };
}

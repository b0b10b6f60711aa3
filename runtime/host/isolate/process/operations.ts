import type { FunctionConfig } from "../../../../contracts/index.ts";
import type { Nats } from "../../../../nats/index.ts";
import { createCompressionOperations } from "./compression.ts";
import { createBindings } from "./bindings/create-bindings.ts";
import { createCryptoOperations } from "./crypto/operations.ts";
import type { HostOperations } from "./host-calls.ts";

export interface OperationsOptions {
  nats: Nats;
  config: FunctionConfig;
  /** How deep the calls between functions are that led to a request. Default: not at all. */
  hopsOf?(owner: number): number;
}

/** All that a function's isolate may ask its host to do. */
export function createOperations({ nats, config, hopsOf = () => 0 }: OperationsOptions): HostOperations {
  return { ...createCompressionOperations(), ...createCryptoOperations(), ...createBindings({ nats, config, hopsOf }) };
}

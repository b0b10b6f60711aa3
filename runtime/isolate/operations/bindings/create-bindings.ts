import type { Capability, FunctionConfig } from "../../../../contracts/index.ts";
import type { HostOperations } from "../../process/host-calls.ts";
import type { BindingContext } from "./binding-context.ts";
import { createFindDeclared } from "./declared.ts";
import { createKvOperations } from "./kv.ts";
import { createObjectOperations } from "./objects.ts";
import { createPublishOperations } from "./publish.ts";
import { createServiceOperations } from "./service.ts";

/** One line for each kind: how the host's operations are made. */
const operationsOf: Record<Capability["kind"], (context: BindingContext) => HostOperations> = {
  kv: createKvOperations,
  objects: createObjectOperations,
  service: createServiceOperations,
  publish: createPublishOperations,
};

export interface BindingsOptions extends Omit<BindingContext, "declared" | "limits"> {
  config: FunctionConfig;
}

/** The operations of all bindings. Each refuses a binding that the function's configuration does not declare. */
export function createBindings({ config, ...parts }: BindingsOptions): HostOperations {
  const context = { ...parts, declared: createFindDeclared(config), limits: config.limits };
  return Object.assign({}, ...Object.values(operationsOf).map((create) => create(context)));
}

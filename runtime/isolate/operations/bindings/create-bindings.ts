import { type Capability, capabilitiesOf, type FunctionConfig } from "../../../../contracts/index.ts";
import type { HostOperations } from "../../process/host-calls.ts";
import type { BindingContext } from "./binding-context.ts";
import { createFindDeclared } from "./declared.ts";
import { createEventOperations } from "./events.ts";
import { createKvOperations } from "./kv.ts";
import { createObjectOperations } from "./objects.ts";
import { createPublishOperations } from "./publish.ts";
import { createRateLimitOperations } from "./ratelimit.ts";
import { createSealOperations } from "./seal.ts";
import { createSealedServiceOperations } from "./sealed-service.ts";
import { createServiceOperations } from "./service.ts";
import { createWorkflowOperations } from "./workflow.ts";
import { createWorkflowClientOperations } from "./workflow-client.ts";

/** One line for each kind: how the host's operations are made. */
const operationsOf: Record<Capability["kind"], (context: BindingContext) => HostOperations> = {
  kv: createKvOperations,
  objects: createObjectOperations,
  service: createServiceOperations,
  publish: createPublishOperations,
  events: createEventOperations,
  ratelimit: createRateLimitOperations,
  workflow: createWorkflowClientOperations,
};

export interface BindingsOptions
  extends Omit<BindingContext, "name" | "declared" | "allDeclared" | "limits"> {
  config: FunctionConfig;
}

/** The operations of all bindings. Each refuses a binding that the function's configuration does not declare. */
export function createBindings({ config, ...parts }: BindingsOptions): HostOperations {
  const { name, limits } = config;
  const context = {
    ...parts,
    name,
    limits,
    declared: createFindDeclared(config),
    allDeclared: findAll(config),
  };
  return Object.assign(
    {},
    ...Object.values(operationsOf).map((create) => create(context)),
    createSealOperations(context),
    createSealedServiceOperations(context),
    config.workflow === undefined ? {} : createWorkflowOperations({ ...context, config }),
  );
}

function findAll(config: FunctionConfig) {
  return <K extends Capability["kind"]>(kind: K) =>
    capabilitiesOf(config).filter((one): one is Extract<Capability, { kind: K }> => one.kind === kind);
}

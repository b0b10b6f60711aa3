import {
  endpointNames,
  type FunctionConfig,
  type InstanceStats,
  serviceVersion,
  subjects,
} from "../../../../contracts/index.ts";
import { type Message, type MicroService, type Nats, registerMicroService } from "../../../../nats/index.ts";

/** Registers an instance as a NATS Micro service: anybody finds it under its function's name, gateways also by its own. */
export function registerInstance(
  {
    nats,
    node,
    instance,
    revision,
    config,
  }: { nats: Nats; node: string; instance: string; revision: string; config: FunctionConfig },
  handle: (message: Message, done: (error?: string) => void) => void,
  stats: () => InstanceStats,
): MicroService {
  return registerMicroService(nats, {
    name: config.name,
    version: serviceVersion(revision),
    description: `function ${config.name}`,
    metadata: {
      "narun.function": config.name,
      "narun.instance": instance,
      "narun.node": node,
      "narun.revision": revision,
      "narun.mode": config.mode,
      "narun.concurrency": String(config.scale.concurrency),
    },
    endpoints: [
      { name: endpointNames.shared, subject: config.name, handle },
      { name: endpointNames.direct, subject: subjects.instanceRequests(instance), handle },
    ],
    stats,
  });
}

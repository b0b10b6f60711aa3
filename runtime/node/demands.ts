import { type Demand, type DemandReply, DemandSchema, subjects } from "../../contracts/index.ts";
import type { Nats, Subscription } from "../../nats/index.ts";
import { answerRequests } from "./answer-requests.ts";
import type { DesiredState } from "./desired-state.ts";
import type { InstanceTable } from "./instance-table.ts";
import type { Modes } from "./modes.ts";

export interface DemandOptions {
  nats: Nats;
  node: string;
  maxInstances: number;
  desired: DesiredState;
  instances: InstanceTable;
  modes: Modes;
}

/** Answers demands: names an instance that is there or starting, or starts one, or refuses (contracts/demand.ts). */
export function answerDemands(options: DemandOptions): Subscription {
  return answerRequests<Demand, DemandReply>({
    nats: options.nats,
    subject: subjects.demand(options.node),
    schema: DemandSchema,
    answer: (demand) => answerDemand(options, demand),
    refuse: (code, reason) => ({ outcome: "refused", code, reason }),
  });
}

/** Error: MODE_UNSUPPORTED. */
async function answerDemand(options: DemandOptions, demand: Demand): Promise<DemandReply> {
  const { desired, instances, modes, maxInstances } = options;
  const known = desired.get(demand.function);
  const wanted = known?.spec.revision === demand.revision ? known : await desired.refresh(demand.function);
  if (wanted === undefined) return refuse("FUNCTION_NOT_FOUND", demand.function);
  // A gateway that has not seen the pause yet.
  if (wanted.spec.paused !== undefined) return refuse("SERVICE_PAUSED", demand.function);
  modes.of(wanted.spec);
  const current = instances.of(demand.function).filter(({ generation }) => generation === wanted.generation);
  const unknown = current.filter(({ id }) => demand.beside?.includes(id) !== true);
  const ready = unknown.find((one) => instances.takesRequests(one));
  if (ready !== undefined) return { outcome: "running", instance: ready.id, concurrency: ready.concurrency };
  // A service that runs and has not registered yet is announced as it does.
  const starting = unknown.find(({ phase }) => phase !== "draining");
  if (starting !== undefined) return { outcome: "starting", instance: starting.id };
  const { max } = wanted.spec.scale;
  const living = current.filter(({ phase }) => phase !== "draining").length;
  if (living >= max) return refuse("SCALE_MAX_REACHED", `it runs ${living} of ${max} instances`);
  if (instances.size >= maxInstances) return refuse("NODE_FULL", `it runs ${maxInstances} instances`);
  return { outcome: "starting", instance: instances.start(wanted.spec, wanted.generation).instance.id };
}

function refuse(code: string, reason: string): DemandReply {
  return { outcome: "refused", code, reason };
}

import { instancesOf, type ServiceSpec } from "../contracts/index.ts";
import { type Nats, openSpecs } from "../nats/index.ts";
import { byFunction, findRunningInstances, type RunningInstance } from "./instances.ts";
import { findNodes, type KnownNode } from "./nodes.ts";

/**
 * The instances of every runner. An instance of narun is asked for its statistics. A runner of the original toolkit tells names
 * only: `revision` is the tag of the spec, `startedAt` the start of the runner.
 */
export async function listInstances(nats: Nats): Promise<RunningInstance[]> {
  const [own, nodes, specs] = await Promise.all([
    findRunningInstances(nats),
    findNodes(nats),
    openSpecs(nats).then((store) => store.list()),
  ]);
  const services = new Map(
    specs.flatMap((read) =>
      read.ok && read.value.kind === "service" ? [[read.key, read.value.spec] as const] : [],
    ),
  );
  return [...own, ...instancesOfOtherRunners(nodes, (name) => services.get(name))].sort(byFunction);
}

/** The instances of runners of the original toolkit, which answer no question: out of the states of their nodes. */
function instancesOfOtherRunners(
  nodes: readonly KnownNode[],
  specOf: (name: string) => ServiceSpec | undefined,
): RunningInstance[] {
  return nodes
    .filter(({ state, isLost }) => !isLost && state.capacity === undefined && state.epoch === undefined)
    .flatMap(({ state }) =>
      instancesOf(state).map(({ id, function: name }): RunningInstance => {
        const spec = specOf(name);
        return {
          function: name,
          instance: id,
          node: state.node_id,
          revision: spec?.tag ?? "",
          mode: spec?.mode ?? "exec",
          state: state.status === "running" ? "ready" : "draining",
          inFlight: 0,
          requests: 0,
          startedAt: state.start_time,
        };
      }),
    );
}

import { describeTriggers, messageOf, type ShadowedRoute, type Spec } from "../contracts/index.ts";
import { discoverStats, type KvRead, lastStatus, type Nats, openSpecs } from "../nats/index.ts";
import { findGatewayUrl, functionUrl } from "./gateway-url.ts";
import { type RunningInstance, readConsumers, readInstances } from "./instances.ts";
import { findNodes, type KnownNode, takesWork } from "./nodes.ts";
import { idlePlaces, type ServicePlace, summariseService } from "./services.ts";
import { shadowedRoutesOf } from "./shadowed-routes.ts";

/** A function or a service, and its state. */
export interface FunctionSummary {
  name: string;
  mode: string | null;
  revision: string | null;
  /** Null without a route, and where no gateway runs. */
  url: string | null;
  instances: number;
  /**
   * - `running`: an instance is ready or drains;
   * - `asleep`: the next request starts an instance;
   * - `no node`: no node runs functions of this mode;
   * - `invalid`: the spec cannot be read, and the last good one is in force;
   * - `failing`: a node could not start the live revision;
   * - `external`: a service of another program: of a consumer that is not deployed, too.
   */
  state: "running" | "asleep" | "no node" | "invalid" | "failing" | "external";
  error?: string;
  /** Its callers besides requests: `subscribe orders.*`. Absent: nothing does. */
  triggers?: string[];
  /** A service's: the version of its files. */
  tag?: string;
  /** A service's: the nodes that its spec names. */
  nodes?: ServicePlace[];
  /** The function's routes that another function answers. */
  shadowedRoutes?: ShadowedRoute[];
}

/** All functions and services, by their names. */
export async function listFunctions(nats: Nats): Promise<FunctionSummary[]> {
  const [specs, services, gatewayUrl, nodes] = await Promise.all([
    openSpecs(nats).then((store) => store.list()),
    discoverStats(nats),
    findGatewayUrl(nats),
    findNodes(nats),
  ]);
  const running = readInstances(services);
  const instancesOf = (name: string) => running.filter((one) => one.function === name);
  const shadowed = shadowedRoutesOf(specs);
  const deployed = new Set(specs.map(({ key }) => key));
  const consumers = [...readConsumers(services)].flatMap(([name, routes]): FunctionSummary[] => {
    if (deployed.has(name)) return [];
    const here = instancesOf(name);
    const { mode = null, revision = null } = here[0] ?? {};
    const url = functionUrl(gatewayUrl, routes);
    return [{ name, mode, revision, url, instances: here.length, state: "external" }];
  });
  const rows = await Promise.all(
    specs.map((read) => rowOf(nats, read, { running: instancesOf(read.key), gatewayUrl, nodes })),
  );
  return rows
    .map((row): FunctionSummary => {
      const shadowedRoutes = shadowed.get(row.name);
      return shadowedRoutes === undefined ? row : { ...row, shadowedRoutes };
    })
    .concat(consumers)
    .sort((a, b) => a.name.localeCompare(b.name));
}

interface RowFacts {
  running: RunningInstance[];
  gatewayUrl: string | undefined;
  nodes: KnownNode[];
}

async function rowOf(
  nats: Nats,
  read: KvRead<Spec>,
  { running, gatewayUrl, nodes }: RowFacts,
): Promise<FunctionSummary> {
  const common = { name: read.key, instances: running.length };
  if (!read.ok) {
    // The running instances belong to the last good spec.
    const [last] = running;
    const lastGood = { mode: last?.mode ?? null, revision: last?.revision ?? null, url: null };
    return { ...common, ...lastGood, state: "invalid", error: messageOf(read.error) };
  }
  if (read.value.kind === "service") {
    const { spec } = read.value;
    const asked = idlePlaces(spec, nodes).map((node) => lastStatus(nats, spec.name, node));
    const statuses = (await Promise.all(asked)).filter((status) => status !== undefined);
    return { name: read.key, ...summariseService(spec, nodes, statuses) };
  }
  const { mode, revision, routes } = read.value.spec;
  const url = functionUrl(gatewayUrl, routes);
  const triggers = describeTriggers(read.value.spec);
  const here = { ...common, mode, revision, url, ...(triggers.length > 0 && { triggers }) };
  if (!nodes.some((node) => takesWork(node, mode))) return { ...here, state: "no node" };
  const error = findProblem(nodes, read.key, revision);
  if (error !== undefined) return { ...here, state: "failing", error };
  return { ...here, state: running.length > 0 ? "running" : "asleep" };
}

/** The error with which a node failed to start a revision. */
function findProblem(nodes: KnownNode[], name: string, revision: string): string | undefined {
  const problems = nodes.flatMap(({ state, isLost }) => (isLost ? [] : state.problems));
  return problems.findLast((problem) => problem.function === name && problem.revision === revision)?.error;
}

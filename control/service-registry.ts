/**
 * The services of a system. No part of it is stored: a service's description and its pause are in its spec, its instances answer
 * `$SRV.STATS`, and nodes tell what they could not start.
 */
import {
  capabilitiesOf,
  createFunctionNotFound,
  type FunctionSpec,
  findCycle,
  REGISTRY_SERVICE,
  type ServiceDescription,
} from "../contracts/index.ts";
import { discoverStats, type Nats, openSpecs } from "../nats/index.ts";
import { type RunningInstance, readInstances } from "./instances.ts";
import { findNodes, type KnownNode, takesWork } from "./nodes.ts";
import { liveSpec } from "./registry.ts";

/**
 * - `created`: a node has made its first instance, which is not ready: its `onStart` has not ended;
 * - `initialised`: a node has read its description, and the next request starts an instance;
 * - `running`: an instance takes requests;
 * - `paused`: by `narun services pause`, and no instance is left;
 * - `stopping`: its last instances finish their requests;
 * - `stopped`: no node runs its mode;
 * - `failed`: a node could not start the live revision;
 * - `waiting`: a service that it requires is missing, or is none of the above that serves.
 */
export type ServiceState =
  | "created"
  | "initialised"
  | "running"
  | "paused"
  | "stopping"
  | "stopped"
  | "failed"
  | "waiting";

/** A service, and its state. */
export interface ServiceSummary {
  name: string;
  version: string;
  description: string | null;
  state: ServiceState;
  /** Why it is `failed`. */
  error?: string;
  instances: number;
  actions: number;
  events: number;
  requires: string[];
  /** Why it is `waiting`: the required services that cannot serve. */
  waitsFor?: string[];
  /** ISO 8601. */
  pausedSince: string | null;
  whenPaused: "hold" | "refuse";
}

/** The whole of a service. */
export interface ServiceFacts extends Omit<ServiceSummary, "actions" | "events"> {
  revision: string;
  actions: ServiceDescription["actions"];
  events: ServiceDescription["events"];
  running: RunningInstance[];
  /** The services that require it. */
  requiredBy: string[];
}

/** A relation between services. `binding`: the name in `env` by which one calls the other. */
export interface ServiceEdge {
  from: string;
  to: string;
  kind: "requires" | "calls";
  binding?: string;
  /** The other one is not deployed. */
  isMissing?: true;
}

export interface ServiceGraph {
  services: string[];
  edges: ServiceEdge[];
  /** Cycles of `requires`, which pushes of two services at a time can make. None of their services starts. */
  cycles: string[][];
}

type DescribedSpec = FunctionSpec & { interface: ServiceDescription };

interface Seen {
  specs: ReadonlyMap<string, FunctionSpec>;
  running: readonly RunningInstance[];
  nodes: readonly KnownNode[];
}

/** All services, by their names. */
export async function listServices(nats: Nats): Promise<ServiceSummary[]> {
  const seen = await look(nats);
  return described(seen).map((spec) => summaryOf(spec, seen));
}

/** The descriptions of all services, by their names. */
export async function findInterfaces(nats: Nats): Promise<Map<string, ServiceDescription>> {
  const reads = await (await openSpecs(nats)).list();
  return new Map(
    reads.flatMap((read) => {
      const spec = liveSpec(read);
      return spec?.interface === undefined ? [] : [[spec.name, spec.interface] as const];
    }),
  );
}

/** One service. Error: FUNCTION_NOT_FOUND with the nearest name. */
export async function showService(nats: Nats, name: string): Promise<ServiceFacts> {
  const seen = await look(nats);
  const services = described(seen);
  const spec = services.find((one) => one.name === name);
  if (spec === undefined)
    throw createFunctionNotFound(
      name,
      services.map((one) => one.name),
    );
  const { actions, events } = spec.interface;
  return {
    ...summaryOf(spec, seen),
    ...{ revision: spec.revision, actions, events },
    running: seen.running.filter((one) => one.function === name),
    requiredBy: services.filter((one) => one.interface.requires.includes(name)).map((one) => one.name),
  };
}

/** How services depend on each other: by `requires`, and by the bindings that call. */
export async function graphServices(nats: Nats): Promise<ServiceGraph> {
  const { specs } = await look(nats);
  const services = [...specs.values()].filter((spec) => spec.interface !== undefined).map(({ name }) => name);
  const missing = (to: string) =>
    specs.has(to) || to === REGISTRY_SERVICE ? {} : ({ isMissing: true } as const);
  const edges = [...specs.values()].flatMap((spec): ServiceEdge[] => [
    ...(spec.interface?.requires ?? []).map(
      (to): ServiceEdge => ({ from: spec.name, to, kind: "requires", ...missing(to) }),
    ),
    ...capabilitiesOf(spec).flatMap((one): ServiceEdge[] =>
      one.kind === "service"
        ? [{ from: spec.name, to: one.service, kind: "calls", binding: one.name, ...missing(one.service) }]
        : [],
    ),
  ]);
  const requires = new Map(
    [...specs.values()].map(({ name, interface: told }) => [name, told?.requires ?? []]),
  );
  const cycles = services.flatMap((name) => cycleFrom(requires, name));
  return { services: services.sort(), edges, cycles };
}

/** Each cycle once: from the first of its services by name. */
function cycleFrom(requires: ReadonlyMap<string, readonly string[]>, name: string): string[][] {
  const cycle = findCycle(requires, name);
  return cycle?.every((one) => one >= name) === true ? [cycle] : [];
}

async function look(nats: Nats): Promise<Seen> {
  const [reads, stats, nodes] = await Promise.all([
    openSpecs(nats).then((store) => store.list()),
    discoverStats(nats),
    findNodes(nats),
  ]);
  const specs = new Map(
    reads.flatMap((read) => {
      const spec = liveSpec(read);
      return spec === undefined ? [] : [[spec.name, spec] as const];
    }),
  );
  return { specs, running: readInstances(stats), nodes };
}

function described({ specs }: Seen): DescribedSpec[] {
  return [...specs.values()]
    .flatMap((spec) => (spec.interface === undefined ? [] : [{ ...spec, interface: spec.interface }]))
    .sort((a, b) => a.name.localeCompare(b.name));
}

function summaryOf(spec: DescribedSpec, seen: Seen): ServiceSummary {
  const { name, paused, interface: told } = spec;
  const here = seen.running.filter((one) => one.function === name);
  const waitsFor = told.requires.filter((one) => !canServe(one, seen));
  const error = problemOf(spec, seen);
  return {
    ...{ name, version: told.version, description: told.description ?? null },
    state: stateOf(spec, { here, waitsFor, error, nodes: seen.nodes }),
    ...(error !== undefined && { error }),
    ...{ instances: here.length, actions: told.actions.length, events: told.events.length },
    requires: told.requires,
    ...(waitsFor.length > 0 && { waitsFor }),
    ...{ pausedSince: paused?.since ?? null, whenPaused: told.whenPaused },
  };
}

interface StateFacts {
  here: readonly RunningInstance[];
  waitsFor: readonly string[];
  error: string | undefined;
  nodes: readonly KnownNode[];
}

function stateOf(spec: FunctionSpec, { here, waitsFor, error, nodes }: StateFacts): ServiceState {
  const isReady = here.some(({ state }) => state === "ready");
  if (spec.paused !== undefined) return here.length > 0 ? "stopping" : "paused";
  if (isReady) return "running";
  if (error !== undefined) return "failed";
  if (here.length > 0) return "stopping";
  if (!nodes.some((node) => takesWork(node, spec.mode))) return "stopped";
  if (nodes.some((node) => isMaking(node, spec))) return "created";
  return waitsFor.length > 0 ? "waiting" : "initialised";
}

function isMaking({ state, isLost }: KnownNode, { name }: FunctionSpec): boolean {
  return !isLost && (state.instances ?? []).some((one) => one.function === name && one.isStarting === true);
}

/** Whether requests to a service can be answered, now or after a start. A program that is not deployed can answer, too. */
function canServe(name: string, seen: Seen): boolean {
  if (seen.running.some((one) => one.function === name && one.state === "ready")) return true;
  const spec = seen.specs.get(name);
  if (spec === undefined || spec.paused !== undefined) return false;
  return problemOf(spec, seen) === undefined && seen.nodes.some((node) => takesWork(node, spec.mode));
}

function problemOf({ name, revision }: FunctionSpec, { nodes }: Seen): string | undefined {
  return nodes
    .flatMap(({ state, isLost }) => (isLost ? [] : state.problems))
    .findLast((problem) => problem.function === name && problem.revision === revision)?.error;
}

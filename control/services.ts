import { instancesOf, type ServiceSpec, type StatusEvent } from "../contracts/index.ts";
import type { KnownNode } from "./nodes.ts";

/** A node that a service's spec names, and the instances that it has there. */
export interface ServicePlace {
  name: string;
  /** How many the spec asks for. */
  replicas: number;
  instances: number;
}

/** The state of a service, as far as runners tell. */
export interface ServiceSummary {
  mode: string;
  revision: null;
  url: null;
  instances: number;
  state: "running" | "no node" | "failing" | "external";
  /** Why a node of narun could not start it. */
  error?: string;
  tag?: string;
  nodes?: ServicePlace[];
}

/**
 * A service as `narun ls` lists it: its runners tell what runs. `statuses`: the last events of nodes that run none of its
 * instances, as runners of the original toolkit tell no problems.
 */
export function summariseService(
  spec: ServiceSpec,
  nodes: readonly KnownNode[],
  statuses: readonly StatusEvent[] = [],
): ServiceSummary {
  const counts = countInstances(spec.name, nodes);
  const places = spec.nodes.map(
    ({ name, replicas }): ServicePlace => ({ name, replicas, instances: counts.get(name) ?? 0 }),
  );
  const instances = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const error = findProblem(spec, nodes) ?? failureIn(statuses);
  return {
    mode: spec.mode,
    revision: null,
    url: null,
    instances,
    ...(error === undefined ? { state: stateOf(spec, instances, nodes) } : { state: "failing", error }),
    ...(spec.tag === undefined ? {} : { tag: spec.tag }),
    ...(places.length === 0 ? {} : { nodes: places }),
  };
}

function stateOf(spec: ServiceSpec, instances: number, nodes: readonly KnownNode[]): ServiceSummary["state"] {
  if (instances > 0) return "running";
  const isThere = (name: string) => nodes.some(({ state, isLost }) => !isLost && state.node_id === name);
  // Without a list of nodes, and until a runner tells of its instances, another program may answer.
  return spec.nodes.length === 0 || spec.nodes.some(({ name }) => isThere(name)) ? "external" : "no node";
}

/** The nodes of a spec that run, and have no instance of it: why may be in their last status event. */
export function idlePlaces(spec: ServiceSpec, nodes: readonly KnownNode[]): string[] {
  const counts = countInstances(spec.name, nodes);
  return nodes
    .filter(({ state, isLost }) => !isLost && !counts.has(state.node_id))
    .map(({ state }) => state.node_id)
    .filter((node) => spec.nodes.some(({ name }) => name === node));
}

function failureIn(statuses: readonly StatusEvent[]): string | undefined {
  const failed = statuses.findLast(({ status }) => status === "failed" || status === "crashed");
  if (failed === undefined) return undefined;
  const { status, error, exit_code: code, node_id: node } = failed;
  return error || `it ${status} on node ${node}${code === undefined ? "" : ` with exit code ${code}`}`;
}

/** The error of the last start on a node of narun that the spec names. Other runners tell none. */
function findProblem({ name, nodes: places }: ServiceSpec, nodes: readonly KnownNode[]): string | undefined {
  const targeted = nodes.filter(
    ({ state, isLost }) => !isLost && places.some((place) => place.name === state.node_id),
  );
  return targeted.flatMap(({ state }) => state.problems).findLast((problem) => problem.function === name)
    ?.error;
}

function countInstances(app: string, nodes: readonly KnownNode[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { state, isLost } of nodes) {
    const own = isLost ? [] : instancesOf(state).filter((instance) => instance.function === app);
    if (own.length > 0) counts.set(state.node_id, own.length);
  }
  return counts;
}

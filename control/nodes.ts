import type { Mode, NodeState } from "../contracts/index.ts";
import { isNodeAlive, type Nats, openNodeStates } from "../nats/index.ts";

/** The stored state of a node, and whether its runner is dead. */
export interface KnownNode {
  state: NodeState;
  isLost: boolean;
}

/** The nodes that run, stop, or were lost within the last 45 s, by their names. */
export async function findNodes(nats: Nats): Promise<KnownNode[]> {
  const reads = await (await openNodeStates(nats)).list();
  const states = reads.flatMap((read) => (read.ok ? [read.value] : []));
  const nodes = await Promise.all(
    states.map(async (state) => ({ state, isLost: !(await isNodeAlive(nats, state)) })),
  );
  return nodes.sort((a, b) => a.state.node_id.localeCompare(b.state.node_id));
}

/** A node as `narun nodes` lists it. */
export interface NodeSummary {
  node: string;
  state: NodeState["status"] | "lost";
  os: string | null;
  arch: string | null;
  modes: readonly Mode[];
  instances: number;
  labels: Readonly<Record<string, string>>;
  /** ISO 8601. */
  lastSeen: string;
  version: string | undefined;
}

/** The nodes of `findNodes`, for a list. */
export async function listNodes(nats: Nats): Promise<NodeSummary[]> {
  return (await findNodes(nats)).map(summaryOf);
}

/** Whether a node takes new work, of the mode if one is given. */
export function takesWork({ state, isLost }: KnownNode, mode?: Mode): boolean {
  if (isLost || state.status !== "running") return false;
  return mode === undefined || (state.capacity?.modes.includes(mode) ?? false);
}

function summaryOf({ state, isLost }: KnownNode): NodeSummary {
  const { node_id, status, os, arch, managed_instances, labels, last_seen, version, capacity } = state;
  return {
    node: node_id,
    state: isLost ? "lost" : status,
    os: os ?? null,
    arch: arch ?? null,
    // A runner of the original toolkit, which writes none, runs programs.
    modes: capacity?.modes ?? ["exec"],
    // The hosts of a lost node start nothing more, and end within seconds.
    instances: isLost ? 0 : managed_instances.length,
    labels,
    lastSeen: last_seen,
    version,
  };
}

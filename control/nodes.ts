import type { Mode, NodeState } from "../contracts/index.ts";
import { isNodeAlive, type Nats, openNodeStates } from "../nats/index.ts";

/** A node as the store has it, and whether its runner lives. */
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

/** Whether a node takes new work: any, or that of a mode. */
export function takesWork({ state, isLost }: KnownNode, mode?: Mode): boolean {
  if (isLost || state.status !== "running") return false;
  return mode === undefined || (state.capacity?.modes.includes(mode) ?? false);
}

/**
 * A node's name, which one node-runner has at a time.
 *
 * I1  The entry in the store is the claim. It is written only where there is none, over the own one, or over a dead
 *     runner's.
 * I2  The holder answers inquiries before it writes its claim: a claim without an answer is a dead runner's.
 */
import { NarunError, type NodeState, subjects } from "../contracts/index.ts";
import type { Nats } from "./connection.ts";
import type { TypedKv } from "./kv/kv.ts";
import { isNodeAlive } from "./node-alive.ts";

export interface NodeClaim {
  /** Writes the node's entry. Error: USAGE, where another runner has the name by now. */
  write(state: NodeState): Promise<void>;
  /** Takes the entry away, unless it is another runner's. */
  release(): Promise<void>;
}

/** A state with the claim of its runner. */
export type ClaimingState = NodeState & { epoch: string };

/** Takes a node's name. Error: USAGE, where another runner has it. */
export async function claimNode(
  nats: Nats,
  states: TypedKv<NodeState>,
  first: ClaimingState,
): Promise<NodeClaim> {
  const { node_id: node, epoch } = first;
  const answering = nats.subscribe(subjects.claim(node, epoch), (message) => message.respond(""));
  await nats.confirm([answering]);

  const settle = async (state: NodeState): Promise<number> => {
    for (;;) {
      const read = await states.get(node);
      if (read?.ok && read.value.epoch !== epoch && (await isHeld(nats, read.value))) throw taken(read.value);
      const revision =
        read === undefined
          ? await states.create(node, state)
          : await states.update(node, state, read.revision);
      if (revision !== undefined) return revision;
    }
  };

  let revision: number;
  try {
    revision = await settle(first);
  } catch (error) {
    answering.unsubscribe();
    throw error;
  }
  // One write after the other: each needs the revision of the one before.
  let last: Promise<void> = Promise.resolve();
  return {
    write(state) {
      last = last
        .catch(() => undefined)
        .then(async () => {
          revision = (await states.update(node, state, revision)) ?? (await settle(state));
        });
      return last;
    },
    async release() {
      await last.catch(() => undefined);
      await states.delete(node, revision);
      answering.unsubscribe();
    },
  };
}

/** Runners of the original toolkit do not know of claims. */
async function isHeld(nats: Nats, state: NodeState): Promise<boolean> {
  return (state.epoch !== undefined || state.capacity !== undefined) && (await isNodeAlive(nats, state));
}

function taken({ node_id, pid, host, start_time }: NodeState): NarunError {
  const who = pid === undefined || host === undefined ? "" : `, process ${pid} on ${host}`;
  return new NarunError("USAGE", {
    detail: `another node-runner is called ${node_id}${who}, since ${start_time}; choose a name with --name`,
  });
}

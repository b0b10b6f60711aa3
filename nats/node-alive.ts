import { heartbeat, type NodeState, subjects } from "../contracts/index.ts";
import type { Nats } from "./connection.ts";
import { NoReplyError } from "./request.ts";

/**
 * Whether the runner that wrote a state is there. NATS says at once that a process has ended. A process that hangs,
 * or is cut off, counts as dead after the silence that its heartbeats allow. Error: NoReplyError, while NATS is away.
 */
export async function isNodeAlive(nats: Nats, state: NodeState): Promise<boolean> {
  const { node_id: node, epoch, capacity } = state;
  // Runners of the original toolkit cannot be asked: their entry lives as long as they write it.
  if (epoch === undefined && capacity === undefined) return true;
  const subject = epoch === undefined ? subjects.demand(node) : subjects.claim(node, epoch);
  try {
    await nats.request(subject, "{}", { timeoutMs: heartbeat.lostAfterMs });
    return true;
  } catch (error) {
    if (error instanceof NoReplyError && error.reason !== "disconnected") return false;
    throw error;
  }
}

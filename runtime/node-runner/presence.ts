import os from "node:os";
import { type Heartbeat, heartbeat, type NodeState, stores, subjects } from "../../contracts/index.ts";
import type { Nats, TypedKv } from "../../nats/index.ts";
import type { LocalInstance } from "./instance-table.ts";

/** How a node shows that it is there: a fast heartbeat for gateways and peers, a slow one in the store for people and old tools. */
export interface Presence {
  /** Writes the entry in the store soon, as something in it has changed. */
  touch(): void;
  /** Says at once, on both ways, that the node takes nothing new. */
  stopping(): Promise<void>;
  /** Takes the node's entry out of the store. */
  close(): Promise<void>;
}

export interface PresenceOptions {
  nats: Nats;
  states: TypedKv<NodeState>;
  node: string;
  version: string;
  labels: Record<string, string>;
  maxInstances: number;
  instances(): LocalInstance[];
  problems(): NodeState["problems"];
  onError(error: unknown): void;
}

/** Changes come in bursts: one write says them all. */
const TOUCH_DELAY_MS = 100;

const MODES_HERE = ["isolate"] as const;
/** Go's names of operating systems and processors, where they differ from Node's. */
const GO_OS: Record<string, string> = { win32: "windows" };
const GO_ARCH: Record<string, string> = { x64: "amd64", ia32: "386" };

export async function startPresence(options: PresenceOptions): Promise<Presence> {
  const { nats, states, node, labels, maxInstances, instances, onError } = options;
  const epoch = crypto.randomUUID();
  const startedAt = new Date().toISOString();
  let status: Heartbeat["state"] = "running";

  const beat = () => {
    const message: Heartbeat = {
      node,
      state: status,
      epoch,
      modes: [...MODES_HERE],
      freeInstances: Math.max(0, maxInstances - instances().length),
      labels,
    };
    nats.publish(subjects.heartbeat(node), JSON.stringify(message));
  };
  const writeState = async () => {
    await states.put(node, {
      node_id: node,
      last_seen: new Date().toISOString(),
      version: options.version,
      start_time: startedAt,
      managed_instances: instances().map(({ id, function: name, revision }) => ({
        id,
        function: name,
        revision,
      })),
      status,
      os: GO_OS[process.platform] ?? process.platform,
      arch: GO_ARCH[os.arch()] ?? os.arch(),
      labels,
      problems: options.problems(),
      capacity: { maxInstances, modes: [...MODES_HERE] },
    });
  };

  // First of all, and before this function waits for anything: instances that are announced before their node's epoch
  // is known would be taken for those of the runner's life before.
  beat();
  const fast = setInterval(beat, heartbeat.intervalMs);
  await writeState();
  const slow = setInterval(() => void writeState().catch(onError), stores.nodes.heartbeatMs);
  let touched: NodeJS.Timeout | undefined;
  return {
    touch() {
      if (status === "shutting_down") return;
      touched ??= setTimeout(() => {
        touched = undefined;
        void writeState().catch(onError);
      }, TOUCH_DELAY_MS);
    },
    async stopping() {
      clearTimeout(touched);
      status = "shutting_down";
      beat();
      await writeState().catch(onError);
    },
    async close() {
      clearInterval(fast);
      clearInterval(slow);
      await states.delete(node).catch(onError);
    },
  };
}

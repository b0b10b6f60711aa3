import { type Heartbeat, HeartbeatSchema, heartbeat, subjects } from "../../contracts/index.ts";
import type { Nats } from "../../nats/index.ts";

/** The nodes that are alive, by their heartbeats. */
export interface Peers {
  /** Running nodes, in no order. */
  running(): Heartbeat[];
  close(): void;
}

/** Follows the heartbeats; `onChange` when a node comes, stops or is lost. */
export function followPeers(nats: Nats, onChange: () => void): Peers {
  const nodes = new Map<string, { beat: Heartbeat; lost: NodeJS.Timeout }>();
  const subscription = nats.subscribe(subjects.heartbeatsAll, (message) => {
    const parsed = HeartbeatSchema.safeParse(safeJson(message.text()));
    if (!parsed.success) return;
    const beat = parsed.data;
    const known = nodes.get(beat.node);
    clearTimeout(known?.lost);
    const lost = setTimeout(() => {
      nodes.delete(beat.node);
      onChange();
    }, heartbeat.lostAfterMs);
    nodes.set(beat.node, { beat, lost });
    if (known?.beat.state !== beat.state || known.beat.epoch !== beat.epoch) onChange();
  });
  return {
    running: () => [...nodes.values()].map(({ beat }) => beat).filter(({ state }) => state === "running"),
    close() {
      subscription.unsubscribe();
      for (const { lost } of nodes.values()) clearTimeout(lost);
    },
  };
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not a heartbeat: the schema refuses it.
    return undefined;
  }
}

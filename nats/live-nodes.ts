/**
 * The nodes that are alive, by their heartbeats.
 *
 * I1  A node-runner is lost once: when it was silent for `heartbeat.lostAfterMs`, or came back with another epoch.
 * I2  Silence counts only while this process can hear: neither while NATS is away, nor while its own process slept.
 */
import { type Heartbeat, HeartbeatSchema, heartbeat, parseJson, subjects } from "../contracts/index.ts";
import type { Nats } from "./connection.ts";
import type { Message } from "./message.ts";

export interface LiveNodes {
  /** The nodes whose heartbeats are heard, in no order. */
  live(): Heartbeat[];
  /** Adds a node that another source named: its heartbeats have to come from now on. */
  expect(node: string): void;
  close(): void;
}

export interface LiveNodesOptions {
  nats: Nats;
  /** A node is heard for the first time, again, with another epoch, or in another state. */
  onAppeared(node: string): void;
  /**
   * A node's runner is dead: its heartbeats stopped, or another runner has taken its place. Its hosts may live a
   * little longer.
   */
  onLost(node: string, why: "silent" | "replaced"): void;
}

interface NodeRecord {
  /** Undefined: another source named the node, and no heartbeat came yet. */
  heartbeat: Heartbeat | undefined;
  heardAtMs: number;
}

const CHECK_INTERVAL_MS = 500;

/** Follows the heartbeats of all nodes. */
export function followNodes({ nats, onAppeared, onLost }: LiveNodesOptions): LiveNodes {
  const records = new Map<string, NodeRecord>();

  const hear = (message: Message) => {
    const beat = parseJson(message.text(), HeartbeatSchema);
    if (beat === undefined) return;
    const known = records.get(beat.node);
    records.set(beat.node, { heartbeat: beat, heardAtMs: performance.now() });
    const previous = known?.heartbeat;
    if (previous !== undefined && previous.epoch !== beat.epoch) onLost(beat.node, "replaced");
    if (previous?.epoch !== beat.epoch || previous.state !== beat.state) onAppeared(beat.node);
  };

  const forgive = (ms: number) => {
    for (const record of records.values()) record.heardAtMs += ms;
  };

  let checkedAtMs = performance.now();
  const check = () => {
    const nowMs = performance.now();
    const elapsedMs = nowMs - checkedAtMs;
    checkedAtMs = nowMs;
    if (nats.state !== "connected") return forgive(elapsedMs);
    // A late timer means that heartbeats, too, may still lie unread in the socket.
    if (elapsedMs > 2 * CHECK_INTERVAL_MS) forgive(elapsedMs);
    for (const node of decideLost(records, nowMs)) {
      records.delete(node);
      onLost(node, "silent");
    }
  };

  const subscription = nats.subscribe(subjects.heartbeatsAll, hear);
  const timer = setInterval(check, CHECK_INTERVAL_MS);
  const forget = nats.onState((state) => {
    if (state !== "connected") return;
    // No heartbeat arrived while NATS was away: every node has the full time again.
    const nowMs = performance.now();
    for (const record of records.values()) record.heardAtMs = nowMs;
  });

  return {
    live: () => [...records.values()].flatMap((record) => record.heartbeat ?? []),
    expect(node) {
      if (!records.has(node)) records.set(node, { heartbeat: undefined, heardAtMs: performance.now() });
    },
    close() {
      clearInterval(timer);
      forget();
      subscription.unsubscribe();
    },
  };
}

/** The nodes that were silent for too long. */
export function decideLost(records: ReadonlyMap<string, { heardAtMs: number }>, nowMs: number): string[] {
  return [...records].flatMap(([node, { heardAtMs }]) =>
    nowMs - heardAtMs > heartbeat.lostAfterMs ? [node] : [],
  );
}

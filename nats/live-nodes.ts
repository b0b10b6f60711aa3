/**
 * The nodes that are alive, by their heartbeats.
 *
 * I1  A node-runner is lost once: when it was silent for `heartbeat.lostAfterMs`, or came back with another epoch.
 * I2  Silence counts only while this process can hear: neither while NATS is away, nor while its own process slept.
 * I3  A node that is heard costs one check in some seconds: ticks would wake a process at rest. A node that has been silent for
 *     long is checked often, so that a pause of this process (I2) shows as a late check.
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

/** How long before a node counts as lost its checks are frequent. */
const WATCH_MS = 1_000;
const CHECK_INTERVAL_MS = 500;

/** Follows the heartbeats of all nodes. */
export function followNodes({ nats, onAppeared, onLost }: LiveNodesOptions): LiveNodes {
  const records = new Map<string, NodeRecord>();

  const hear = (message: Message) => {
    const beat = parseJson(message.text(), HeartbeatSchema);
    if (beat === undefined) return;
    const known = records.get(beat.node);
    records.set(beat.node, { heartbeat: beat, heardAtMs: performance.now() });
    checkLater();
    const previous = known?.heartbeat;
    if (previous !== undefined && previous.epoch !== beat.epoch) onLost(beat.node, "replaced");
    if (previous?.epoch !== beat.epoch || previous.state !== beat.state) onAppeared(beat.node);
  };

  let timer: NodeJS.Timeout | undefined;
  let dueAtMs = 0;
  const check = () => {
    const nowMs = performance.now();
    const lateMs = nowMs - dueAtMs;
    // A late timer means that heartbeats, too, may still lie unread in the socket.
    if (lateMs > CHECK_INTERVAL_MS) for (const record of records.values()) record.heardAtMs += lateMs;
    const lost = nats.state === "connected" ? decideLost(records, nowMs) : [];
    for (const node of lost) {
      records.delete(node);
      onLost(node, "silent");
    }
    timer = undefined;
    checkLater();
  };
  const checkLater = () => {
    const nowMs = performance.now();
    const waitMs = timer === undefined ? decideWait(records, nowMs) : undefined;
    if (waitMs === undefined) return;
    dueAtMs = nowMs + waitMs;
    timer = setTimeout(check, waitMs);
  };

  const subscription = nats.subscribe(subjects.heartbeatsAll, hear);
  const forget = nats.onState((state) => {
    if (state !== "connected") return;
    // No heartbeat arrived while NATS was away: every node has the full time again.
    const nowMs = performance.now();
    for (const record of records.values()) record.heardAtMs = nowMs;
  });

  return {
    live: () => [...records.values()].flatMap((record) => record.heartbeat ?? []),
    expect(node) {
      if (records.has(node)) return;
      records.set(node, { heartbeat: undefined, heardAtMs: performance.now() });
      checkLater();
    },
    close() {
      records.clear();
      clearTimeout(timer);
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

/** How long the next check may wait. Undefined without nodes. */
export function decideWait(
  records: ReadonlyMap<string, { heardAtMs: number }>,
  nowMs: number,
): number | undefined {
  if (records.size === 0) return undefined;
  const heardAtMs = [...records.values()].reduce((least, one) => Math.min(least, one.heardAtMs), nowMs);
  const leftMs = heardAtMs + heartbeat.lostAfterMs - nowMs;
  if (leftMs > WATCH_MS) return leftMs - WATCH_MS;
  // A connection that is away may leave a node silent for longer.
  return leftMs < 0 ? CHECK_INTERVAL_MS : Math.min(CHECK_INTERVAL_MS, leftMs + 1);
}

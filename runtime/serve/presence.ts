/**
 * The heartbeat of a consumer that is not deployed. Gateways follow it as that of a node without modes: it is asked for nothing, and
 * its silence tells that the process is gone, or hangs.
 */
import { randomBytes } from "node:crypto";
import os from "node:os";
import { type Heartbeat, heartbeat, subjects } from "../../contracts/index.ts";
import type { Nats } from "../../nats/index.ts";

export interface ConsumerPresence {
  stopping(): void;
  close(): void;
}

/** A name that no node has, and that tells people the machine. */
export function consumerNode(): string {
  const machine = os
    .hostname()
    .replace(/[^A-Za-z0-9_-]/g, "-")
    .slice(0, 50);
  return `${machine}-${randomBytes(4).toString("hex")}`;
}

/** The first heartbeat leaves at once: the instance is announced behind it. */
export function showConsumer(nats: Nats, node: string): ConsumerPresence {
  let state: Heartbeat["state"] = "running";
  const epoch = crypto.randomUUID();
  const beat = () => {
    const message: Heartbeat = { node, state, epoch, modes: [], freeInstances: 0, labels: {} };
    nats.publish(subjects.heartbeat(node), JSON.stringify(message));
  };
  beat();
  const timer = setInterval(beat, heartbeat.intervalMs);
  return {
    stopping() {
      state = "shutting_down";
      beat();
    },
    close: () => clearInterval(timer),
  };
}

import type { Consume } from "../../contracts/index.ts";
import { type DurableConsumer, queueConsumersOf } from "../../nats/index.ts";

/** A consumer, and how it is read. */
export interface QueueReading {
  consumer: DurableConsumer;
  /** The name of an event handler. */
  label?: string;
  size: number;
  waitMs: number;
  slots: number;
}

/**
 * Least upper bound of the messages that are delivered and not settled, on all nodes. Messages that wait for their next
 * delivery count, and must not keep the others waiting.
 */
const MIN_PENDING = 10_000;

/** The consumers of a function on one stream: one, or in order one for each filter. */
export function consumersOf(owner: string, consume: Consume, maxInstances: number): QueueReading[] {
  const { stream, batch, ackWaitMs, ordered, from } = consume;
  const common = { stream, owner, ackWaitMs, from };
  const slots = consume.concurrency ?? maxInstances;
  const maxPending = Math.max(MIN_PENDING, 2 * slots * batch.size);
  return queueConsumersOf(owner, consume).map((named) =>
    ordered
      ? { consumer: { ...common, ...named, maxPending: 1 }, size: 1, waitMs: 0, slots: 1 }
      : { consumer: { ...common, ...named, maxPending }, ...batch, slots },
  );
}

import { createHash } from "node:crypto";
import type { Consume } from "../../contracts/index.ts";
import type { DurableConsumer } from "../../nats/index.ts";

/** A consumer, and how it is read. */
export interface QueueReading {
  consumer: DurableConsumer;
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
  const { stream, filter = [], batch, ackWaitMs, ordered, from } = consume;
  const filters = typeof filter === "string" ? [filter] : filter;
  const common = { stream, owner, ackWaitMs, from };
  if (!ordered) {
    const slots = consume.concurrency ?? maxInstances;
    const maxPending = Math.max(MIN_PENDING, 2 * slots * batch.size);
    return [{ consumer: { ...common, name: nameOf(owner), filters, maxPending }, ...batch, slots }];
  }
  const single = { size: 1, waitMs: 0, slots: 1 };
  if (filters.length < 2)
    return [{ consumer: { ...common, name: nameOf(owner), filters, maxPending: 1 }, ...single }];
  return filters.map((one) => ({
    consumer: { ...common, name: `${nameOf(owner)}-${digestOf(one)}`, filters: [one], maxPending: 1 },
    ...single,
  }));
}

/** The name of a function's consumer. Streams are many, so it is the same in each. */
function nameOf(owner: string): string {
  return `narun-${owner}`;
}

const DIGEST_DIGITS = 12;

function digestOf(filter: string): string {
  return createHash("sha256").update(filter).digest("hex").slice(0, DIGEST_DIGITS);
}

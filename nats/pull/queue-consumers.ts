/** The names of the consumers that functions have on streams of `consume`. */
import { createHash } from "node:crypto";
import type { Consume } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { type ConsumerOwner, lookForConsumer, removeConsumer } from "./durable-consumer.ts";

/** A stream that a function cannot read. */
export interface QueueProblem {
  code: "QUEUE_STREAM_MISSING" | "QUEUE_CONSUMER_TAKEN";
  stream: string;
  consumer: string;
}

type Reading = Pick<Consume, "stream" | "filter" | "ordered">;

/** A consumer of a function, and its filters. */
export interface QueueConsumer {
  name: string;
  filters: readonly string[];
}

const DIGEST_DIGITS = 12;

/** The consumers of a function on one stream: one, or in order one for each filter. Streams are many, so names are the same in each. */
export function queueConsumersOf(owner: string, { filter = [], ordered }: Reading): QueueConsumer[] {
  const filters = typeof filter === "string" ? [filter] : filter;
  const name = `narun-${owner}`;
  if (!ordered || filters.length < 2) return [{ name, filters }];
  return filters.map((one) => ({ name: `${name}-${digestOf(one)}`, filters: [one] }));
}

/** The streams that a function cannot read as they are now. */
export async function findQueueProblems(
  nats: Nats,
  owner: string,
  consume: readonly Reading[],
): Promise<QueueProblem[]> {
  const looks = allOf(owner, consume).map(async (one): Promise<QueueProblem[]> => {
    const found = await lookForConsumer(nats, one);
    const problem = { stream: one.stream, consumer: one.name };
    if (found === "stream-missing") return [{ code: "QUEUE_STREAM_MISSING", ...problem }];
    return found === "foreign" ? [{ code: "QUEUE_CONSUMER_TAKEN", ...problem }] : [];
  });
  return (await Promise.all(looks)).flat();
}

/** Deletes the consumers that a function had, and no longer has. */
export async function removeQueueConsumers(
  nats: Nats,
  owner: string,
  before: readonly Reading[],
  after: readonly Reading[],
): Promise<void> {
  const kept = new Set(allOf(owner, after).map(({ stream, name }) => `${stream} ${name}`));
  const gone = allOf(owner, before).filter(({ stream, name }) => !kept.has(`${stream} ${name}`));
  await Promise.all(gone.map((one) => removeConsumer(nats, one)));
}

function allOf(owner: string, consume: readonly Reading[]): ConsumerOwner[] {
  return consume.flatMap((reading) =>
    queueConsumersOf(owner, reading).map(({ name }) => ({ stream: reading.stream, name, owner })),
  );
}

function digestOf(filter: string): string {
  return createHash("sha256").update(filter).digest("hex").slice(0, DIGEST_DIGITS);
}

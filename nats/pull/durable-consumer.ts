/**
 * Durable pull consumers that narun makes for functions.
 *
 * I1  A consumer belongs to one function of one world, as its metadata says. Another's is neither changed nor deleted.
 * I2  A consumer keeps its place in the stream when its settings change. The start of a consumer cannot change.
 */
import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  DeliverPolicy,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
} from "@nats-io/jetstream";
import type { Nats } from "../connection.ts";
import { hasJetStreamCode, isStreamMissing, JetStreamCode } from "../jetstream-errors.ts";
import { needsJetStream } from "../needs-jetstream.ts";

export interface DurableConsumer {
  stream: string;
  name: string;
  /** The function that the consumer is made for. */
  owner: string;
  /** Subjects of the stream; none: all. */
  filters: readonly string[];
  ackWaitMs: number;
  /** Upper bound of the messages that are delivered and not settled, of all readers together. */
  maxPending: number;
  /** The first message of a new consumer: the stream's first, the next that comes, the last of each subject, or by time. */
  from: "first" | "new" | "last-of-each" | Date;
  /** How long the server keeps it without a reader. Default: for ever. */
  inactiveMs?: number;
}

export type ConsumerOutcome =
  /**
   * `made`: when it was made; another one of the same name has another time. `changed`: the settings that it had otherwise. `pending`: the messages that wait in the stream. `unsettled`: messages
   * that are being handled, or wait for their next delivery.
   */
  | { kind: "ready"; isNew: boolean; made: string; changed: string[]; pending: number; unsettled: number }
  | { kind: "stream-missing" }
  /** `owner`: the one in its metadata; undefined: none. */
  | { kind: "foreign"; owner: string | undefined }
  /** The server refuses it, as the stream does not allow it: the server's words. */
  | { kind: "refused"; reason: string };

const NANOS_PER_MS = 1_000_000;
const OWNER = "narun.function";
const WORLD = "narun.world";

/** Makes a consumer, or brings it to these settings. Errors: see needsJetStream. */
export async function ensureConsumer(nats: Nats, wanted: DurableConsumer): Promise<ConsumerOutcome> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  try {
    return await needsJetStream(nats, () => ensure(manager, nats, wanted));
  } catch (error) {
    if (isStreamMissing(error)) return { kind: "stream-missing" };
    // Errors that pass were tried again.
    if (error instanceof JetStreamApiError) return { kind: "refused", reason: error.message };
    throw error;
  }
}

async function ensure(
  manager: JetStreamManager,
  nats: Nats,
  wanted: DurableConsumer,
): Promise<ConsumerOutcome> {
  const { stream, name } = wanted;
  const config = configOf(nats, wanted);
  const found = await findConsumer(manager, stream, name);
  if (found === undefined) {
    const made = await manager.consumers.add(stream, { ...config, ...startOf(wanted) });
    const { created, num_pending: pending } = made;
    return { kind: "ready", isNew: true, made: created, changed: [], pending, unsettled: 0 };
  }
  const { metadata = {} } = found.config;
  if (metadata[OWNER] !== wanted.owner || metadata[WORLD] !== nats.world.id)
    return { kind: "foreign", owner: metadata[OWNER] };
  const changed = differences(found.config, config);
  if (changed.length > 0) await manager.consumers.update(stream, name, config);
  const { created: made, num_pending: pending, num_ack_pending: unsettled } = found;
  return { kind: "ready", isNew: false, made, changed, pending, unsettled };
}

export type ConsumerOwner = Pick<DurableConsumer, "stream" | "name" | "owner">;

/** The owner of a consumer that a function would have. */
export async function lookForConsumer(
  nats: Nats,
  { stream, name, owner }: ConsumerOwner,
): Promise<"own" | "none" | "foreign" | "stream-missing"> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  try {
    const found = await needsJetStream(nats, () => findConsumer(manager, stream, name));
    if (found === undefined) return "none";
    const { metadata = {} } = found.config;
    return metadata[OWNER] === owner && metadata[WORLD] === nats.world.id ? "own" : "foreign";
  } catch (error) {
    if (isStreamMissing(error)) return "stream-missing";
    throw error;
  }
}

/** The function of this world that a consumer is made for. */
export function ownerOf({ world }: Pick<Nats, "world">, { config }: ConsumerInfo): string | undefined {
  const { metadata = {} } = config;
  return metadata[WORLD] === world.id ? metadata[OWNER] : undefined;
}

/** Deletes a function's consumer; true where there was one. Nothing where it is another's, or not there. */
export async function removeConsumer(nats: Nats, consumer: ConsumerOwner): Promise<boolean> {
  if ((await lookForConsumer(nats, consumer)) !== "own") return false;
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  await needsJetStream(nats, async () => {
    try {
      await manager.consumers.delete(consumer.stream, consumer.name);
    } catch (error) {
      // Another of the nodes that read it was faster.
      if (!isStreamMissing(error) && !hasJetStreamCode(error, JetStreamCode.consumerNotFound)) throw error;
    }
  });
  return true;
}

function configOf(nats: Nats, wanted: DurableConsumer) {
  const { name, owner, filters, ackWaitMs, maxPending, inactiveMs } = wanted;
  const [only] = filters;
  return {
    durable_name: name,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ackWaitMs * NANOS_PER_MS,
    // narun counts by itself: a message leaves the consumer when its dead letter is written.
    max_deliver: -1,
    max_ack_pending: maxPending,
    ...(inactiveMs === undefined ? {} : { inactive_threshold: inactiveMs * NANOS_PER_MS }),
    ...(filters.length > 1
      ? { filter_subjects: [...filters] }
      : only === undefined
        ? {}
        : { filter_subject: only }),
    metadata: { [OWNER]: owner, [WORLD]: nats.world.id },
  } satisfies Partial<ConsumerConfig>;
}

function startOf({ from }: DurableConsumer): Partial<ConsumerConfig> {
  if (from instanceof Date)
    return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: from.toISOString() };
  return { deliver_policy: POLICIES[from] };
}

const POLICIES = {
  first: DeliverPolicy.All,
  new: DeliverPolicy.New,
  "last-of-each": DeliverPolicy.LastPerSubject,
} as const;

async function findConsumer(
  manager: JetStreamManager,
  stream: string,
  name: string,
): Promise<ConsumerInfo | undefined> {
  try {
    return await manager.consumers.info(stream, name);
  } catch (error) {
    if (hasJetStreamCode(error, JetStreamCode.consumerNotFound)) return undefined;
    throw error;
  }
}

/** The settings that differ, in words. */
function differences(found: ConsumerConfig, wanted: ReturnType<typeof configOf>): string[] {
  const changed: string[] = [];
  const [before, after] = [filtersOf(found), filtersOf(wanted)];
  if (before !== after) changed.push(`filter: ${before} → ${after}`);
  for (const key of ["ack_wait", "max_ack_pending", "max_deliver"] as const)
    if (found[key] !== wanted[key]) changed.push(`${key}: ${found[key]} → ${wanted[key]}`);
  return changed;
}

function filtersOf({ filter_subject, filter_subjects }: Partial<ConsumerConfig>): string {
  const filters = filter_subjects ?? (filter_subject === undefined ? [] : [filter_subject]);
  return filters.length === 0 ? "all" : [...filters].sort().join(", ");
}

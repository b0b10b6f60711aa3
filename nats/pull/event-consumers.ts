/** The consumers that services have on the stream of events. */
import { type ApiError, type ConsumerInfo, JetStreamApiError, jetstreamManager } from "@nats-io/jetstream";
import { type EventHandler, eventGroups, stores, subjects } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { isStreamMissing } from "../jetstream-errors.ts";
import { needsJetStream } from "../needs-jetstream.ts";
import { ownerOf, removeConsumer } from "./durable-consumer.ts";

export interface EventConsumer {
  name: string;
  /** Subjects as they are on the wire. */
  filters: readonly string[];
}

type Handler = Pick<EventHandler, "name" | "pattern" | "isDurable">;

/** The consumers of an event handler: none, unless it is durable. */
export function eventConsumersOf(
  { world }: Pick<Nats, "world">,
  owner: string,
  { name, pattern, isDurable }: Handler,
): EventConsumer[] {
  if (!isDurable) return [];
  return eventGroups().map((lanes, group) => ({
    name: `${prefixOf(owner)}${name}=${group}`,
    filters: lanes.map((lane) => world.toWire(subjects.event(lane, pattern))),
  }));
}

/** The functions of this world that have consumers on the stream of events. */
export async function listEventOwners(nats: Nats): Promise<Set<string>> {
  const infos = await listConsumers(nats);
  return new Set(infos.flatMap((info) => ownerOf(nats, info) ?? []));
}

/** Deletes the consumers of a function on the stream of events, except for the handlers in `kept`. Returns how many. */
export async function removeEventConsumers(
  nats: Nats,
  owner: string,
  kept: readonly Handler[] = [],
): Promise<number> {
  const { stream } = stores.events;
  const keptNames = new Set(
    kept.flatMap((handler) => eventConsumersOf(nats, owner, handler).map(({ name }) => name)),
  );
  const gone = (await listNames(nats)).filter(
    (name) => name.startsWith(prefixOf(owner)) && !keptNames.has(name),
  );
  const removed = await Promise.all(gone.map((name) => removeConsumer(nats, { stream, name, owner })));
  return removed.filter((isRemoved) => isRemoved).length;
}

/**
 * The names alone. For the facts of consumers the server asks all others, and waits for seconds where one has just died. The client
 * library has no such request.
 */
async function listNames(nats: Nats): Promise<string[]> {
  const names: string[] = [];
  for (;;) {
    const offset = names.length;
    const page = await needsJetStream(nats, () => readNames(nats, offset));
    names.push(...page.consumers);
    if (page.consumers.length === 0 || names.length >= page.total) return names;
  }
}

async function readNames(
  { connection }: Nats,
  offset: number,
): Promise<{ consumers: string[]; total: number }> {
  const subject = `$JS.API.CONSUMER.NAMES.${stores.events.stream}`;
  const reply = await connection.request(subject, JSON.stringify({ offset }), { timeout: ANSWER_MS });
  const { error, consumers, total = 0 } = reply.json<NamesReply>();
  if (error === undefined) return { consumers: consumers ?? [], total };
  const failed = new JetStreamApiError(error);
  if (isStreamMissing(failed)) return { consumers: [], total: 0 };
  throw failed;
}

interface NamesReply {
  error?: ApiError;
  consumers?: string[] | null;
  total?: number;
}

/** As the client library's own. */
const ANSWER_MS = 5_000;

async function listConsumers(nats: Nats): Promise<ConsumerInfo[]> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const find = async () => {
    const found: ConsumerInfo[] = [];
    for await (const info of manager.consumers.list(stores.events.stream)) found.push(info);
    return found;
  };
  return needsJetStream(nats, find).catch((error: unknown) => {
    if (isStreamMissing(error)) return [];
    throw error;
  });
}

/** A name of a function or a handler has no `=`: two of them cannot be one consumer. */
function prefixOf(owner: string): string {
  return `narun=${owner}=`;
}

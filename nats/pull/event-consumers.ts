/** The consumers that services have on the stream of events. */
import { type ConsumerInfo, jetstreamManager } from "@nats-io/jetstream";
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
  const gone = (await listConsumers(nats)).filter(
    (info) =>
      ownerOf(nats, info) === owner && info.name.startsWith(prefixOf(owner)) && !keptNames.has(info.name),
  );
  await Promise.all(gone.map(({ name }) => removeConsumer(nats, { stream, name, owner })));
  return gone.length;
}

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

/** The consumers that services have on the stream of events. */
import { jetstreamManager } from "@nats-io/jetstream";
import { type EventHandler, eventGroups, stores, subjects } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { isStreamMissing } from "../jetstream-errors.ts";
import { needsJetStream } from "../needs-jetstream.ts";
import { removeConsumer } from "./durable-consumer.ts";

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

/** Deletes the consumers of a function on the stream of events, except for the handlers in `kept`. */
export async function removeEventConsumers(
  nats: Nats,
  owner: string,
  kept: readonly Handler[] = [],
): Promise<void> {
  const { stream } = stores.events;
  const keptNames = new Set(
    kept.flatMap((handler) => eventConsumersOf(nats, owner, handler).map(({ name }) => name)),
  );
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const find = async () => {
    const gone: string[] = [];
    for await (const { name } of manager.consumers.list(stream))
      if (name.startsWith(prefixOf(owner)) && !keptNames.has(name)) gone.push(name);
    return gone;
  };
  const gone = await needsJetStream(nats, find).catch((error: unknown) => {
    if (isStreamMissing(error)) return [];
    throw error;
  });
  await Promise.all(gone.map((name) => removeConsumer(nats, { stream, name, owner })));
}

/** A name of a function or a handler has no `=`: two of them cannot be one consumer. */
function prefixOf(owner: string): string {
  return `narun=${owner}=`;
}

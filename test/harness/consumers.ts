import { jetstreamManager } from "@nats-io/jetstream";
import type { Nats } from "../../nats/index.ts";

/** The consumers that the server keeps, as `<stream> <number>`. Streams without consumers are left out. */
export async function countConsumers(nats: Nats): Promise<string[]> {
  const manager = await jetstreamManager(nats.connection);
  const streams = await manager.streams.list().next();
  return streams
    .filter(({ state }) => state.consumer_count > 0)
    .map(({ config, state }) => `${config.name} ${state.consumer_count}`)
    .sort();
}

import { jetstreamManager } from "@nats-io/jetstream";
import type { Nats } from "../../nats/index.ts";

/** The consumers in the server, as `<stream> <number>`, without the streams that have none. */
export async function countConsumers(nats: Nats): Promise<string[]> {
  const manager = await jetstreamManager(nats.connection);
  const streams = await manager.streams.list().next();
  return streams
    .filter(({ state }) => state.consumer_count > 0)
    .map(({ config, state }) => `${config.name} ${state.consumer_count}`)
    .sort();
}

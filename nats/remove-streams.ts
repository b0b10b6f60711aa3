import { jetstreamManager } from "@nats-io/jetstream";
import type { Nats } from "./connection.ts";
import { isStreamMissing } from "./jetstream-errors.ts";

/** Removes every stream of an account, its buckets among them. */
export async function removeAllStreams(nats: Nats): Promise<void> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const names: string[] = [];
  for await (const name of manager.streams.names()) names.push(name);
  for (const name of names)
    await manager.streams.delete(name).catch((error: unknown) => {
      if (!isStreamMissing(error)) throw error;
    });
}

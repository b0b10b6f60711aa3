import { jetstreamManager } from "@nats-io/jetstream";
import { parseJson, type StatusEvent, StatusEventSchema, stores, subjects } from "../contracts/index.ts";
import type { Nats } from "./connection.ts";

/** The last status event that a node told of an app; undefined where none is kept. */
export async function lastStatus(nats: Nats, app: string, node: string): Promise<StatusEvent | undefined> {
  try {
    const manager = await jetstreamManager(nats.connection, { checkAPI: false });
    const query = { last_by_subj: subjects.status(app, node) };
    const message = await manager.streams.getMessage(stores.logs.stream, query);
    return message === null ? undefined : parseJson(message.string(), StatusEventSchema);
  } catch {
    // No history is kept here.
    return undefined;
  }
}

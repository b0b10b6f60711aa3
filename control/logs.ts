import { type Nats, readLogs } from "../nats/index.ts";
import { requireKnownName } from "./known-name.ts";

/** Throws FUNCTION_NOT_FOUND unless log lines of the name are kept, or a function or service of the name can write some. */
export async function requireLogs(nats: Nats, name: string): Promise<void> {
  for await (const _line of readLogs(nats, { app: name })) return;
  await requireKnownName(nats, name);
}

import { jetstreamManager } from "@nats-io/jetstream";
import { TimeoutError } from "@nats-io/transport-node";
import { stores, subjects } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { type ReadStoredOptions, readStored } from "../stored-messages.ts";
import { openReader } from "../stream-reader.ts";

/** A message of a journal. */
export interface JournalEntry {
  kind: "in" | "log";
  seq: number;
  /** When it was stored, in epoch milliseconds. */
  at: number;
  /** JSON. */
  text: string;
}

/** The messages of one workflow's journal from a sequence, in the stream's order. Timers are none of them. */
export async function* readEntries(
  nats: Nats,
  { workflow, id }: { workflow: string; id: string },
  from = 1,
): AsyncGenerator<JournalEntry, void> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const filter = nats.world.toWire(subjects.workflowAll(workflow, id));
  const options = { nats, manager, filter, from, stream: stores.workflows.stream };
  for await (const { subject, seq, time, data } of nats.role === "host"
    ? readByConsumer(options)
    : readStored(options)) {
    const kind = subject.slice(subject.lastIndexOf(".") + 1);
    if (kind === "in" || kind === "log")
      yield { kind, seq, at: time.getTime(), text: Buffer.from(data).toString() };
  }
}

const WAIT_MS = 5_000;

/** The filter stands in the subject of the request that makes the consumer, where the server sees it. */
async function* readByConsumer({ nats, manager, stream, filter, from = 1 }: ReadStoredOptions) {
  await using reader = await openReader({ nats, manager, stream, filters: [filter], from });
  for (let pending = reader.pending; pending > 0; ) {
    const before = pending;
    for await (const { subject, seq, time, data, info } of reader.batch({ waitMs: WAIT_MS })) {
      pending = info.pending;
      yield { subject, seq, time, data };
      if (pending === 0) break;
    }
    if (pending === before) throw new TimeoutError();
  }
}

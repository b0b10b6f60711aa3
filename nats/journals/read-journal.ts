import { jetstreamManager } from "@nats-io/jetstream";
import { stores, subjects } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { readStored } from "../stored-messages.ts";

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
  for await (const { subject, seq, time, data } of readStored({
    ...{ nats, manager, filter, from },
    stream: stores.workflows.stream,
  })) {
    const kind = subject.slice(subject.lastIndexOf(".") + 1);
    if (kind === "in" || kind === "log")
      yield { kind, seq, at: time.getTime(), text: Buffer.from(data).toString() };
  }
}

import { jetstreamManager } from "@nats-io/jetstream";
import { decodeCallFacts, headerNames, stores, subjects } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { needsJetStream } from "../needs-jetstream.ts";
import { readStored } from "../stored-messages.ts";
import { hasCalls, openCalls } from "./calls.ts";

/** Ends the calls that wait for a function that was removed, and deletes what is still to be posted for it. */
export async function dropCalls(nats: Nats, service: string): Promise<void> {
  if (!(await hasCalls(nats))) return;
  const { stream } = stores.calls;
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const { records, bodies } = await openCalls(nats);
  const filter = nats.world.toWire(subjects.call(service));
  for await (const { headers } of readStored({ nats, manager, stream, filter })) {
    const facts = decodeCallFacts(headers?.get(headerNames.call) ?? "");
    if (facts === undefined) continue;
    const read = await records.get(facts.id);
    // An instance that drains has begun the others, and ends them.
    if (read?.ok !== true || read.value.state !== "queued") continue;
    const { code: _, ...queued } = read.value;
    const ended = { ...queued, state: "failed", endedAt: Date.now(), code: "CALL_DROPPED" } as const;
    if ((await records.update(facts.id, ended, read.revision)) === undefined) continue;
    if (facts.body !== undefined) await bodies.delete(facts.body).catch(() => undefined);
    nats.publish(subjects.callEnded(facts.id), "");
  }
  const gone = [filter, nats.world.toWire(subjects.callback(service))];
  for (const subject of gone)
    await needsJetStream(nats, () => manager.streams.purge(stream, { filter: subject }));
}

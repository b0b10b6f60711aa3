import { DiscardPolicy, type JetStreamManager, type StreamConfig } from "@nats-io/jetstream";
import { stores, subjects } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { addStream } from "../copies.ts";
import { isStreamMissing } from "../jetstream-errors.ts";
import { needsJetStream } from "../needs-jetstream.ts";
import { openOwnStream } from "../own-stream.ts";
import { streamBound } from "../stream-bound.ts";

const NANOS_PER_MS = 1_000_000;

/** Makes the streams of events where they are missing. Errors: see needsJetStream; STREAM_UNFIT. */
export async function ensureEventStreams(nats: Nats, manager: JetStreamManager): Promise<void> {
  const { events, retainedEvents } = stores;
  const [all, news, retained] = [subjects.eventsAll, subjects.eventNewsAll, subjects.retainedEventsAll].map(
    (subject) => nats.world.toWire(subject),
  ) as [string, string, string];
  await ensure(nats, manager, {
    name: events.stream,
    subjects: [all],
    max_age: events.maxAgeMs * NANOS_PER_MS,
    max_bytes: events.maxBytes,
    duplicate_window: events.duplicatesMs * NANOS_PER_MS,
    discard: DiscardPolicy.Old,
    allow_direct: true,
    // An event with a time of its own goes earlier, or later, than the others.
    allow_msg_ttl: true,
    republish: { src: all, dest: news },
  });
  await ensure(nats, manager, {
    name: retainedEvents.stream,
    subjects: [retained],
    max_msgs_per_subject: 1,
    max_bytes: retainedEvents.maxBytes,
    // A value that is to stay is refused rather than another one dropped.
    discard: DiscardPolicy.New,
    allow_direct: true,
    allow_msg_ttl: true,
  });
}

async function ensure(
  nats: Nats,
  manager: JetStreamManager,
  config: Partial<StreamConfig> & { name: string; subjects: string[]; max_bytes: number },
): Promise<void> {
  const { name: stream, subjects: stored } = config;
  await needsJetStream(nats, () =>
    openOwnStream(manager, { stream, subjects: stored, flags: ["allow_direct"] }, async () => {
      try {
        await manager.streams.info(stream);
      } catch (error) {
        if (!isStreamMissing(error)) throw error;
        const max_bytes = await streamBound(manager, config.max_bytes);
        await addStream(nats, manager, { ...config, max_bytes });
      }
    }),
  );
}

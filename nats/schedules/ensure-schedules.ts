import { DiscardPolicy, type JetStreamManager, RetentionPolicy, type StreamConfig } from "@nats-io/jetstream";
import { stores, subjects } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { addStream } from "../copies.ts";
import { isStreamMissing } from "../jetstream-errors.ts";
import { needsJetStream } from "../needs-jetstream.ts";
import { openOwnStream } from "../own-stream.ts";

const NANOS_PER_MS = 1_000_000;

/** Makes the streams of schedules where they are missing. Errors: see needsJetStream; STREAM_UNFIT. */
export async function ensureScheduleStreams(nats: Nats, manager: JetStreamManager): Promise<void> {
  const { schedules, scheduleRuns } = stores;
  await needsJetStream(nats, async () => {
    await ensure(
      nats,
      manager,
      {
        name: schedules.stream,
        subjects: [nats.world.toWire(subjects.schedulesAll)],
        // A settled message of a run goes. States and alarms have no consumer, and stay.
        retention: RetentionPolicy.Workqueue,
        max_msgs_per_subject: 1,
        // The server sets no alarm in a stream that refuses new messages.
        discard: DiscardPolicy.Old,
        allow_direct: true,
        allow_msg_schedules: true,
      },
      "workqueue",
    );
    await ensure(
      nats,
      manager,
      {
        name: scheduleRuns.stream,
        subjects: [nats.world.toWire(subjects.scheduleRecordsAll)],
        max_msgs_per_subject: scheduleRuns.kept,
        max_age: scheduleRuns.maxAgeMs * NANOS_PER_MS,
        discard: DiscardPolicy.Old,
        allow_direct: true,
      },
      "limits",
    );
  });
}

async function ensure(
  nats: Nats,
  manager: JetStreamManager,
  config: Partial<StreamConfig> & { name: string; subjects: string[] },
  retention: "limits" | "workqueue",
): Promise<void> {
  const { name: stream, subjects: needed } = config;
  await openOwnStream(manager, { stream, subjects: needed, flags: ["allow_direct"], retention }, async () => {
    if (!(await isThere(manager, stream))) await addStream(nats, manager, config);
  });
}

async function isThere(manager: JetStreamManager, stream: string): Promise<boolean> {
  try {
    await manager.streams.info(stream);
    return true;
  } catch (error) {
    if (isStreamMissing(error)) return false;
    throw error;
  }
}

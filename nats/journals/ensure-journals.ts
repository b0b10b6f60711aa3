import {
  AckPolicy,
  DeliverPolicy,
  type JetStreamManager,
  jetstreamManager,
  type StreamConfig,
} from "@nats-io/jetstream";
import { stores, subjects } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { addStream } from "../copies.ts";
import { hasJetStreamCode, isStreamMissing, JetStreamCode } from "../jetstream-errors.ts";
import { needsJetStream } from "../needs-jetstream.ts";
import { openOwnStream } from "../own-stream.ts";

const NANOS_PER_MS = 1_000_000;

/**
 * Makes the stream of the journals, and its consumer of due messages, where they are missing. Errors: NATS_NO_JETSTREAM,
 * NATS_JETSTREAM_UNAVAILABLE, STREAM_UNFIT.
 */
export async function ensureJournals(nats: Nats): Promise<void> {
  const manager = await needsJetStream(nats, () => jetstreamManager(nats.connection));
  const { stream, consumer, ackWaitMs, maxPending } = stores.workflows;
  const all = nats.world.toWire(subjects.workflowsAll);
  await needsJetStream(nats, () =>
    openOwnStream(manager, { stream, subjects: [all], flags: ["allow_direct"] }, async () => {
      if (await isThere(manager, stream)) return;
      // The client library's type does not know schedules.
      const config = {
        name: stream,
        subjects: [all],
        allow_direct: true,
        allow_atomic: true,
        allow_msg_schedules: true,
        allow_msg_ttl: true,
        allow_rollup_hdrs: true,
      };
      await addStream(nats, manager, config as Partial<StreamConfig> & { name: string });
    }),
  );
  await needsJetStream(nats, () =>
    manager.consumers
      .add(stream, {
        durable_name: consumer,
        filter_subject: nats.world.toWire(subjects.workflowInputsAll),
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        ack_wait: ackWaitMs * NANOS_PER_MS,
        max_ack_pending: maxPending,
        max_deliver: -1,
      })
      .catch((error: unknown) => {
        // An operator has changed it: it stays as it is.
        if (!hasJetStreamCode(error, JetStreamCode.consumerExists)) throw error;
      }),
  );
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

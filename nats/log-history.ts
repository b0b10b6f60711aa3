import { DeliverPolicy, DiscardPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { type LogLine, LogLineSchema, parseJson, stores, subjects } from "../contracts/index.ts";
import type { Nats } from "./connection.ts";
import { needsJetStream } from "./no-jetstream.ts";

const NANOS_PER_MS = 1_000_000;

/** Creates the stream that keeps the log lines, where it is missing. Error: NATS_NO_JETSTREAM. */
export async function ensureLogHistory(
  nats: Nats,
  { replicas = 1 }: { replicas?: number } = {},
): Promise<void> {
  const manager = await needsJetStream(() => jetstreamManager(nats.connection));
  const { stream, maxAgeMs, maxBytes } = stores.logs;
  await manager.streams.add({
    name: stream,
    subjects: [subjects.logsAll],
    max_age: maxAgeMs * NANOS_PER_MS,
    max_bytes: maxBytes,
    discard: DiscardPolicy.Old,
    num_replicas: replicas,
    allow_direct: true,
  });
}

export interface ReadLogsOptions {
  /** Only lines of this function. Default: all. */
  app?: string;
  /** Only lines since then. Default: all that the stream still has. */
  since?: Date;
  /** Goes on with the lines that come, until `signal` ends it. Default: ends after the last stored line. */
  follow?: boolean;
  signal?: AbortSignal;
}

/** A server that was killed forgets the reader: what stays silent for two of these is begun again where it was. */
const HEARTBEAT_MS = 1_000;

/** Reads log lines in the order in which the stream got them. Lines that are no log lines are passed over. */
export async function* readLogs(nats: Nats, options: ReadLogsOptions = {}): AsyncGenerator<LogLine> {
  const consumer = await jetstream(nats.connection).consumers.get(stores.logs.stream, {
    filter_subjects: options.app === undefined ? subjects.logsAll : subjects.logsOf(options.app),
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: options.since === undefined ? 1 : await findFirstSince(nats, options.since),
  });
  // Left to itself the server keeps it for minutes, and takes only so many; where it is away it forgets by itself.
  const forget = async () => {
    if (nats.state === "connected") await consumer.delete().catch(() => false);
  };
  if (!options.follow && (await consumer.info()).num_pending === 0) {
    await forget();
    return;
  }
  const messages = await consumer.consume({ idle_heartbeat: HEARTBEAT_MS });
  const stop = () => messages.stop();
  options.signal?.addEventListener("abort", stop, { once: true });
  // It may have come before, and then no event tells of it.
  if (options.signal?.aborted) stop();
  try {
    for await (const message of messages) {
      const parsed = parseJson(message.string(), LogLineSchema);
      if (parsed !== undefined) yield parsed;
      if (!options.follow && message.info.pending === 0) return;
    }
  } finally {
    options.signal?.removeEventListener("abort", stop);
    messages.stop();
    await forget();
  }
}

/**
 * The number of the first line since then. Readers begin by number, as the client library cannot begin anew by time
 * where the server forgot a reader: it would ask for a number and a time at once, which the server refuses.
 */
async function findFirstSince(nats: Nats, since: Date): Promise<number> {
  const manager = await jetstreamManager(nats.connection);
  const { state } = await manager.streams.info(stores.logs.stream);
  const first = await manager.direct.getMessage(stores.logs.stream, { start_time: since });
  // Lines that came since the look at the state are after it.
  return first?.seq ?? state.last_seq + 1;
}

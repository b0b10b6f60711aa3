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

/** Reads log lines in the order in which the stream got them. Lines that are no log lines are passed over. */
export async function* readLogs(nats: Nats, options: ReadLogsOptions = {}): AsyncGenerator<LogLine> {
  const consumer = await jetstream(nats.connection).consumers.get(stores.logs.stream, {
    filter_subjects: options.app === undefined ? subjects.logsAll : subjects.logsOf(options.app),
    ...(options.since === undefined
      ? { deliver_policy: DeliverPolicy.All }
      : { deliver_policy: DeliverPolicy.StartTime, opt_start_time: options.since.toISOString() }),
  });
  // Left to itself the server keeps it for minutes, and takes only so many; where it is away it forgets by itself.
  const forget = async () => {
    if (nats.state === "connected") await consumer.delete().catch(() => false);
  };
  if (!options.follow && (await consumer.info()).num_pending === 0) {
    await forget();
    return;
  }
  const messages = await consumer.consume();
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

import { setTimeout as sleep } from "node:timers/promises";
import { DiscardPolicy, type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { type LogLine, LogLineSchema, parseJson, stores, subjects } from "../contracts/index.ts";
import type { Nats } from "./connection.ts";
import { isStreamMissing } from "./jetstream-errors.ts";
import { needsJetStream } from "./needs-jetstream.ts";
import { openOwnStream, type StreamNeeds } from "./own-stream.ts";
import { openReader } from "./stream-reader.ts";

const NANOS_PER_MS = 1_000_000;

/** Creates the stream that keeps the log lines, where it is missing. Errors: NATS_NO_JETSTREAM, STREAM_UNFIT. */
export async function ensureLogHistory(
  nats: Nats,
  { replicas = 1 }: { replicas?: number } = {},
): Promise<void> {
  const manager = await needsJetStream(nats, () => jetstreamManager(nats.connection));
  const { stream, maxAgeMs, maxBytes } = stores.logs;
  const needs: StreamNeeds = { stream, subjects: [subjects.logsAll], flags: ["allow_direct"] };
  const open = () =>
    openOwnStream(manager, needs, async () => {
      if (await isThere(manager, stream)) return;
      await manager.streams.add({
        name: stream,
        subjects: [subjects.logsAll],
        max_age: maxAgeMs * NANOS_PER_MS,
        max_bytes: maxBytes,
        discard: DiscardPolicy.Old,
        num_replicas: replicas,
        allow_direct: true,
      });
    });
  await needsJetStream(nats, open);
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

export interface ReadLogsOptions {
  /** Only lines of this function. Default: all. */
  app?: string;
  /** Only lines since then. Default: all that the stream still has. */
  since?: Date;
  /** Goes on with the lines that come, until `signal` ends it. Default: ends after the last stored line. */
  follow?: boolean;
  signal?: AbortSignal;
}

const BATCH_WAIT_MS = 30_000;
const RETRY_MS = 250;

/** Reads log lines in the order in which the stream got them. Lines that are no log lines are passed over. */
export async function* readLogs(nats: Nats, options: ReadLogsOptions = {}): AsyncGenerator<LogLine> {
  const { app, since, follow = false, signal } = options;
  const where = {
    nats,
    manager: await needsJetStream(nats, () => jetstreamManager(nats.connection)),
    stream: stores.logs.stream,
    filters: [app === undefined ? subjects.logsAll : subjects.logsOf(app)],
  };
  let from = since === undefined ? 1 : await findFirstSince(nats, since);
  let isFirst = true;
  while (!signal?.aborted && nats.state !== "closed") {
    try {
      await using reader = await openReader({ ...where, from, signal });
      isFirst = false;
      if (!follow && reader.pending === 0) return;
      while (!signal?.aborted && !reader.isLost) {
        for await (const message of reader.batch({ waitMs: BATCH_WAIT_MS })) {
          from = message.seq + 1;
          const parsed = parseJson(message.string(), LogLineSchema);
          if (parsed !== undefined && (parsed.world ?? nats.world.id) === nats.world.id) yield parsed;
          if (!follow && message.info.pending === 0) return;
        }
      }
    } catch (error) {
      // A server that was killed forgets the reader: it goes on where it was.
      if (isFirst) throw error;
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/**
 * The number of the first line since then. Readers begin by number: a reader that lost its consumer goes on at its
 * place.
 */
async function findFirstSince(nats: Nats, since: Date): Promise<number> {
  const manager = await jetstreamManager(nats.connection);
  const { state } = await manager.streams.info(stores.logs.stream);
  const first = await manager.direct.getMessage(stores.logs.stream, { start_time: since });
  // Lines that came since the look at the state are after it.
  return first?.seq ?? state.last_seq + 1;
}

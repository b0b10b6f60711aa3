import { setTimeout as sleep } from "node:timers/promises";
import { DiscardPolicy, type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import {
  type LogLine,
  LogLineSchema,
  parseJson,
  type StatusEvent,
  StatusEventSchema,
  stores,
  subjects,
} from "../contracts/index.ts";
import type { Nats } from "./connection.ts";
import { addStream } from "./copies.ts";
import { isStreamMissing } from "./jetstream-errors.ts";
import { needsJetStream } from "./needs-jetstream.ts";
import { openOwnStream, type StreamNeeds } from "./own-stream.ts";
import { streamBound } from "./stream-bound.ts";
import { openReader } from "./stream-reader.ts";

const NANOS_PER_MS = 1_000_000;

/** Creates the stream that keeps the log lines and status events, where it is missing. Errors: NATS_NO_JETSTREAM, STREAM_UNFIT. */
export async function ensureLogHistory(nats: Nats): Promise<void> {
  const manager = await needsJetStream(nats, () => jetstreamManager(nats.connection));
  const { stream, maxAgeMs, maxBytes } = stores.logs;
  const needs: StreamNeeds = { stream, subjects: [subjects.logsAll], flags: ["allow_direct"] };
  const open = () =>
    openOwnStream(manager, needs, async () => {
      if (await isThere(manager, stream)) return keepStatuses(manager, stream);
      await addStream(nats, manager, {
        name: stream,
        subjects: [subjects.logsAll, subjects.statusesAll],
        max_age: maxAgeMs * NANOS_PER_MS,
        max_bytes: await streamBound(manager, maxBytes),
        discard: DiscardPolicy.Old,
        allow_direct: true,
      });
    });
  await needsJetStream(nats, open);
}

/** Earlier versions of narun kept no status events. Where the server refuses the change, the stream goes without them. */
async function keepStatuses(manager: JetStreamManager, stream: string): Promise<void> {
  const { config } = await manager.streams.info(stream);
  const kept = config.subjects ?? [];
  if (kept.includes(subjects.statusesAll) || !kept.includes(subjects.logsAll)) return;
  const update = manager.streams.update(stream, { subjects: [...kept, subjects.statusesAll] });
  await update.catch(() => undefined);
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
  /** Only lines until then. With `follow`: ends with the first later line. */
  until?: Date;
  /** Goes on with the lines that come, until `signal` ends it. Default: ends after the last stored line. */
  follow?: boolean;
  signal?: AbortSignal;
}

/** A line of a log, or a status event of an instance. */
export type HistoryEntry =
  | { kind: "line"; line: LogLine }
  | { kind: "status"; app: string; event: StatusEvent };

const BATCH_WAIT_MS = 30_000;
const RETRY_MS = 250;

/** Reads log lines in the order in which the stream got them. Other messages are passed over. */
export async function* readLogs(nats: Nats, options: ReadLogsOptions = {}): AsyncGenerator<LogLine> {
  const { app } = options;
  const filters = [app === undefined ? subjects.logsAll : subjects.logsOf(app)];
  for await (const entry of readHistory(nats, filters, options)) if (entry.kind === "line") yield entry.line;
}

/** Reads log lines and status events in the order in which the stream got them. */
export function readEvents(nats: Nats, options: ReadLogsOptions = {}): AsyncGenerator<HistoryEntry> {
  const { app } = options;
  const filters =
    app === undefined
      ? [subjects.logsAll, subjects.statusesAll]
      : [subjects.logsOf(app), subjects.statusesOf(app)];
  return readHistory(nats, filters, options);
}

async function* readHistory(
  nats: Nats,
  filters: readonly string[],
  { since, until, follow = false, signal }: ReadLogsOptions,
): AsyncGenerator<HistoryEntry> {
  const where = {
    nats,
    manager: await needsJetStream(nats, () => jetstreamManager(nats.connection)),
    stream: stores.logs.stream,
    filters,
  };
  const untilMs = until?.getTime() ?? Number.POSITIVE_INFINITY;
  let from = since === undefined ? 1 : await findFirstSince(nats, since);
  let isFirst = true;
  while (!signal?.aborted && nats.state !== "closed") {
    try {
      await using reader = await openReader({ ...where, from, signal });
      isFirst = false;
      if (!follow && reader.pending === 0) return;
      while (!signal?.aborted && !reader.isLost) {
        for await (const message of reader.batch({ waitMs: BATCH_WAIT_MS })) {
          if (message.time.getTime() > untilMs) return;
          from = message.seq + 1;
          const entry = parseEntry(message.subject, message.string());
          if (entry !== undefined && isOfWorld(entry, nats.world.id)) yield entry;
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

function parseEntry(subject: string, text: string): HistoryEntry | undefined {
  const [kind, app] = subject.split(".");
  if (kind === "logs") {
    const line = parseJson(text, LogLineSchema);
    return line && { kind: "line", line };
  }
  const event = parseJson(text, StatusEventSchema);
  return event && app !== undefined ? { kind: "status", app, event } : undefined;
}

function isOfWorld(entry: HistoryEntry, world: string): boolean {
  return ((entry.kind === "line" ? entry.line.world : entry.event.world) ?? world) === world;
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

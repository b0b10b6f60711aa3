/**
 * Watches a KV bucket for ever.
 *
 * A watch lives as long as its connection and its consumer. This one begins anew when it loses either, reads the
 * present entries again and passes on only the differences:
 *
 * I1  A key's entry is passed on once for each revision that is seen of it.
 * I2  After a new beginning, a key that was seen and is no longer there is passed on as deleted, also when its delete
 *     marker is gone, or the bucket was made anew. That is why it does not resume after the last revision that was
 *     seen.
 * I3  The first reading may fail, and then the caller gets the error. Later ones are tried again.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { JetStreamManager, JsMsg } from "@nats-io/jetstream";
import type { Nats } from "../connection.ts";
import { openReader } from "../stream-reader.ts";
import { isMarker } from "./byte-kv-bucket.ts";
import type { KvChange, KvRaw, KvRead } from "./kv-read.ts";

export interface KvWatchOptions<T> {
  nats: Nats;
  manager: JetStreamManager;
  stream: string;
  /** Begins the subjects of all keys. */
  prefix: string;
  read: (entry: KvRaw) => KvRead<T>;
  onChange: (change: KvChange<T>) => void;
  signal: AbortSignal;
}

const RETRY_MS = 250;
const BATCH_WAIT_MS = 30_000;
/** A watch waits for most of its life. Two missed beats, 4 s, say that its consumer is gone. */
const FOLLOW_BEAT_MS = 2_000;

/** Resolves once the present entries were handed over, or `signal` ended the watch. Rejects as I3 says. */
export async function watchKv<T>(options: KvWatchOptions<T>): Promise<void> {
  const { nats, signal } = options;
  const seen: Seen = new Map();
  const initial = Promise.withResolvers<void>();
  let isInitial = true;
  const present = () => {
    isInitial = false;
    initial.resolve();
  };

  const run = async () => {
    while (!signal.aborted && nats.state !== "closed") {
      try {
        await watchOnce(options, seen, present);
      } catch (error) {
        if (isInitial) throw error;
        await sleep(RETRY_MS, undefined, { signal }).catch(ignoreAbort);
      }
    }
    initial.resolve();
  };
  run().catch(initial.reject);
  return initial.promise;
}

/**
 * The revision of each key that was passed on last. The time tells apart equal revisions of a bucket that was made
 * anew.
 */
type Seen = Map<string, { revision: number; createdAt: bigint }>;

/** Reads the bucket and follows it until its reader is lost, or `signal` ends it. */
async function watchOnce<T>(
  { nats, manager, stream, prefix, read, onChange, signal }: KvWatchOptions<T>,
  seen: Seen,
  onPresent: () => void,
): Promise<void> {
  await using reader = await openReader({
    nats,
    manager,
    stream,
    filters: [`${prefix}>`],
    from: "last-of-each",
    signal,
  });
  // Present entries that were not passed over yet; undefined once all of them were.
  let missing: Set<string> | undefined = new Set(seen.keys());
  const finishPresent = () => {
    for (const key of missing ?? []) {
      seen.delete(key);
      onChange({ kind: "delete", key });
    }
    missing = undefined;
    onPresent();
  };
  if (reader.pending === 0) finishPresent();
  while (!signal.aborted && !reader.isLost) {
    const beat = missing === undefined ? { beatMs: FOLLOW_BEAT_MS } : {};
    for await (const message of reader.batch({ waitMs: BATCH_WAIT_MS, ...beat })) {
      if (signal.aborted || reader.isLost) break;
      const key = message.subject.slice(prefix.length);
      missing?.delete(key);
      const change = noteChange(seen, key, message);
      if (change === "put") onChange({ kind: "put", read: read(toRaw(key, message)) });
      if (change === "delete") onChange({ kind: "delete", key });
      if (missing !== undefined && message.info.pending === 0) finishPresent();
    }
  }
}

function toRaw(key: string, { seq, time, data }: JsMsg): KvRaw {
  return { key, revision: seq, createdAt: time, data };
}

/**
 * The change that a message makes; undefined where it was passed on before, or deletes a key that was never passed
 * on.
 */
function noteChange(seen: Seen, key: string, message: JsMsg): "put" | "delete" | undefined {
  const known = seen.get(key);
  if (isMarker(message.headers)) return seen.delete(key) ? "delete" : undefined;
  const createdAt = message.timestampNanos;
  if (known?.revision === message.seq && known.createdAt === createdAt) return undefined;
  seen.set(key, { revision: message.seq, createdAt });
  return "put";
}

/** An aborted sleep is an end that was asked for. */
function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error && error.name === "AbortError")) throw error;
}

/**
 * Watches a KV bucket for ever.
 *
 * The client library's watch lives as long as its connection and its consumer. This one starts it anew after every
 * reconnect, reads the present entries again and passes on only what differs from what was seen:
 *
 * I1  A key's entry is passed on once for each revision that is seen of it.
 * I2  After a reconnect, a key that was seen and is no longer there is passed on as deleted, also when its delete marker
 *     is gone, or the bucket was made anew. That is why it does not resume after the last revision that was seen.
 * I3  The first reading may fail, and then the caller hears of it. Later ones are tried again.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { KV, KvWatchEntry } from "@nats-io/kv";
import type { Nats } from "./connection.ts";
import type { KvChange, KvRead } from "./kv.ts";

export interface KvWatchOptions<T> {
  nats: Nats;
  kv: KV;
  read: (entry: KvWatchEntry) => KvRead<T>;
  onChange: (change: KvChange<T>) => void;
  signal: AbortSignal;
}

const RETRY_MS = 250;

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

/** What was passed on of each key. The time tells apart equal revisions of a bucket that was made anew. */
type Seen = Map<string, { revision: number; createdAt: number }>;

/** Reads the bucket and follows it until the connection was lost and is back, or `signal` ends it. */
async function watchOnce<T>(
  { nats, kv, read, onChange, signal }: KvWatchOptions<T>,
  seen: Seen,
  onPresent: () => void,
): Promise<void> {
  const round = new AbortController();
  // Registered first: a reconnect while the watch starts may have lost it.
  const forget = nats.onState((state) => state !== "reconnecting" && round.abort());
  const end = AbortSignal.any([signal, round.signal]);
  try {
    const iterator = await kv.watch();
    const stop = () => iterator.stop();
    end.addEventListener("abort", stop, { once: true });
    if (end.aborted) stop();
    // Those that are there and were not passed over yet; undefined once all of them were.
    let missing: Set<string> | undefined = new Set(seen.keys());
    const finishPresent = () => {
      for (const key of missing ?? []) {
        seen.delete(key);
        onChange({ kind: "delete", key });
      }
      missing = undefined;
      onPresent();
    };
    // Asked after the watch began: without messages now, none of the first entries is still to come.
    if ((await kv.status()).values === 0) finishPresent();
    for await (const entry of iterator) {
      if (end.aborted) break;
      missing?.delete(entry.key);
      const change = noteChange(seen, entry);
      if (change === "put") onChange({ kind: "put", read: read(entry) });
      if (change === "delete") onChange({ kind: "delete", key: entry.key });
      if (missing !== undefined && entry.delta === 0) finishPresent();
    }
  } finally {
    forget();
    round.abort();
  }
}

/** What an entry changes; undefined where it was passed on before, or deletes what nobody was told of. */
function noteChange(seen: Seen, entry: KvWatchEntry): "put" | "delete" | undefined {
  const known = seen.get(entry.key);
  if (entry.operation !== "PUT") return seen.delete(entry.key) ? "delete" : undefined;
  const createdAt = entry.created.getTime();
  if (known?.revision === entry.revision && known.createdAt === createdAt) return undefined;
  seen.set(entry.key, { revision: entry.revision, createdAt });
  return "put";
}

/** An aborted sleep is an end that was asked for. */
function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error && error.name === "AbortError")) throw error;
}

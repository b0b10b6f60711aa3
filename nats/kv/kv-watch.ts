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
 * I4  The consumer proves by a beat that it is there: its server may die while the connection, to another one, lives.
 *     Until there is another consumer, changes are read from the bucket's copies.
 * I5  No key goes back: a copy that is behind shows older entries, or lacks some. The leader alone knows which keys are
 *     gone, and whether the bucket was made anew.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { MsgHdrs } from "@nats-io/transport-node";
import type { Nats } from "../connection.ts";
import { untilOpen } from "../meanwhile.ts";
import { followBeatMs, openReader, type StreamReader } from "../stream-reader.ts";
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

/** Resolves once the present entries were handed over, or `signal` ended the watch. Rejects as I3 says. */
export async function watchKv<T>(options: KvWatchOptions<T>): Promise<void> {
  const { nats, signal } = options;
  const watch = new Watch(options);
  const initial = Promise.withResolvers<void>();

  const run = async () => {
    while (!signal.aborted && nats.state !== "closed") {
      try {
        await watch.once(initial.resolve);
      } catch (error) {
        if (watch.isInitial) throw error;
        await sleep(RETRY_MS, undefined, { signal }).catch(ignoreAbort);
      }
    }
    initial.resolve();
  };
  run().catch(initial.reject);
  return initial.promise;
}

/** A message of the bucket, however it was read. */
interface Entry {
  key: string;
  revision: number;
  headers: MsgHdrs | undefined;
  time: Date;
  data: Uint8Array;
}

class Watch<T> {
  isInitial = true;
  readonly #options: KvWatchOptions<T>;
  /** Also of deleted keys, whose older entries a copy may still have. */
  readonly #seen = new Map<string, { revision: number; isDeleted: boolean }>();
  /** The highest revision that was seen. */
  #highest = 0;
  /** When the bucket was made. */
  #made: string | undefined;

  constructor(options: KvWatchOptions<T>) {
    this.#options = options;
  }

  /** Reads the bucket and follows it until its reader is lost, or the signal ends it. */
  async once(onPresent: () => void): Promise<void> {
    const { nats, prefix, signal } = this.#options;
    await using reader = await this.#open();
    // Present entries that were not passed over yet; undefined once all of them were.
    let missing: Set<string> | undefined = new Set(this.#seen.keys());
    const finishPresent = async () => {
      await this.#dropGone(missing ?? []);
      missing = undefined;
      this.isInitial = false;
      onPresent();
    };
    if (reader.pending === 0) await finishPresent();
    while (!signal.aborted && !reader.isLost) {
      const beat = missing === undefined ? { beatMs: followBeatMs(nats) } : {};
      for await (const message of reader.batch({ waitMs: BATCH_WAIT_MS, ...beat })) {
        if (signal.aborted || reader.isLost) break;
        const { subject, seq: revision, headers, time, data } = message;
        const key = subject.slice(prefix.length);
        missing?.delete(key);
        this.#take({ key, revision, headers, time, data });
        if (missing !== undefined && message.info.pending === 0) await finishPresent();
      }
    }
  }

  async #open(): Promise<StreamReader> {
    const { nats, manager, stream, prefix, signal } = this.#options;
    const filters = [`${prefix}>`];
    const opening = this.#noteMade().then(() =>
      openReader({ nats, manager, stream, filters, from: "last-of-each", signal }),
    );
    if (this.isInitial) return opening;
    const source = { nats, manager, stream, filters, next: () => this.#highest + 1 };
    const found = untilOpen(opening, source);
    for (;;) {
      const { done, value } = await found.next();
      if (done === true) return value;
      if (signal.aborted) continue;
      const { subject, seq: revision, headers, time, data } = value;
      this.#take({ key: subject.slice(prefix.length), revision, headers, time, data });
    }
  }

  /** In a bucket that was made anew every entry is newer than those that were seen. */
  async #noteMade(): Promise<void> {
    const { manager, stream } = this.#options;
    const { created } = await manager.streams.info(stream);
    if (this.#made !== undefined && this.#made !== created) {
      this.#highest = 0;
      for (const seen of this.#seen.values()) seen.revision = 0;
    }
    this.#made = created;
  }

  /** Passes an entry on, unless it is known, or older than the known one (I1, I5). */
  #take({ key, revision, headers, time, data }: Entry): void {
    const known = this.#seen.get(key);
    this.#highest = Math.max(this.#highest, revision);
    if (known !== undefined && known.revision >= revision) return;
    const isDeleted = isMarker(headers);
    this.#seen.set(key, { revision, isDeleted });
    const { onChange, read } = this.#options;
    if (!isDeleted) onChange({ kind: "put", read: read({ key, revision, createdAt: time, data }) });
    else if (known?.isDeleted === false) onChange({ kind: "delete", key });
  }

  /** Passes keys on as deleted, if the leader does not have them either (I2, I5). */
  async #dropGone(missing: Iterable<string>): Promise<void> {
    const { manager, stream, prefix, onChange } = this.#options;
    for (const key of missing) {
      const isPresent = this.#seen.get(key)?.isDeleted === false;
      const found = await manager.streams.getMessage(stream, { last_by_subj: prefix + key });
      if (found !== null) continue;
      this.#seen.delete(key);
      if (isPresent) onChange({ kind: "delete", key });
    }
  }
}

/** An aborted sleep is an end that was asked for. */
function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error && error.name === "AbortError")) throw error;
}

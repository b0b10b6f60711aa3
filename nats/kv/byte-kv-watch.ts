/**
 * Follows a bucket's keys for a reader who may be slow.
 *
 * I1  The next batch is requested after the last one was read: at most one batch waits here, bounded in bytes.
 * I2  The only state is the last sequence that was passed on. After any failure (the server restarts, the consumer is
 *     gone) the next round begins behind it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { JsMsg } from "@nats-io/jetstream";
import type { Nats } from "../connection.ts";
import { openReader } from "../stream-reader.ts";
import type { ByteKvChange } from "./byte-entry.ts";
import { isMarker, type OpenBucket } from "./byte-kv-bucket.ts";
import { decodeKvKey, kvPrefixFilters } from "./kv-keys.ts";

const ROUND_MS = 30_000;
const RETRY_MS = 250;

interface WatchOptions {
  prefix: string;
  withPresent: boolean;
  signal: AbortSignal;
}

export async function* watchByteKv(
  nats: Nats,
  open: () => Promise<OpenBucket>,
  { prefix, withPresent, signal }: WatchOptions,
): AsyncGenerator<ByteKvChange, void> {
  // The first opening may fail, and then the caller gets the error.
  const bucket = await open();
  const { state } = await bucket.manager.streams.info(bucket.stream);
  let last = withPresent ? 0 : state.last_seq;
  // Markers of earlier deletions are no news.
  let presentUpTo = state.last_seq;
  while (!signal.aborted && nats.state !== "closed") {
    try {
      for await (const message of readRound(nats, bucket, prefix, last, signal)) {
        last = message.seq;
        const change = changeOf(message, bucket.prefix, prefix);
        if (change === undefined || (change.kind === "delete" && change.revision <= presentUpTo)) continue;
        yield change;
      }
    } catch {
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      // A bucket that was made anew counts from 1 again.
      const now = await bucket.manager.streams.info(bucket.stream).catch(() => undefined);
      if (now !== undefined && now.state.last_seq < last) {
        last = 0;
        presentUpTo = 0;
      }
    }
  }
}

/** The messages after a sequence, until the reader is lost. */
async function* readRound(
  nats: Nats,
  { manager, stream, prefix: subjectPrefix, info }: OpenBucket,
  prefix: string,
  last: number,
  signal: AbortSignal,
): AsyncGenerator<JsMsg, void> {
  const keepsHistory = (info.config.max_msgs_per_subject ?? -1) !== 1;
  await using reader = await openReader({
    nats,
    manager,
    stream,
    filters: kvPrefixFilters(prefix).map((filter) => subjectPrefix + filter),
    from: last === 0 && keepsHistory ? "last-of-each" : last + 1,
    signal,
  });
  while (!signal.aborted && !reader.isLost) yield* reader.batch({ waitMs: ROUND_MS });
}

function changeOf(message: JsMsg, subjectPrefix: string, prefix: string): ByteKvChange | undefined {
  const key = decodeKvKey(message.subject.slice(subjectPrefix.length));
  if (key === undefined || !key.startsWith(prefix)) return undefined;
  if (isMarker(message.headers)) return { kind: "delete", key, revision: message.seq };
  return { kind: "put", key, revision: message.seq, createdAt: message.time, bytes: message.data };
}

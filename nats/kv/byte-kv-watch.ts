/**
 * Follows a bucket's keys for a reader who may be slow.
 *
 * I1  The next batch is requested after the last one was read: at most one batch waits here, bounded in bytes.
 * I2  The only state is the last sequence that was passed on. After any failure (the server restarts, the consumer is
 *     gone) the next round begins behind it; until it has a consumer, changes are read from the bucket's copies.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Nats } from "../connection.ts";
import { untilOpen } from "../meanwhile.ts";
import type { StoredMessage } from "../stored-messages.ts";
import { openReader, type StreamReader } from "../stream-reader.ts";
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
  const place = {
    last: withPresent ? 0 : state.last_seq,
    // Markers of earlier deletions are no news.
    presentUpTo: state.last_seq,
    isAnew: false,
  };
  while (!signal.aborted && nats.state !== "closed") {
    try {
      for await (const message of readRound(nats, bucket, prefix, place, signal)) {
        // A reader brings again what was read from a copy.
        if (message.seq <= place.last) continue;
        place.last = message.seq;
        const change = changeOf(message, bucket.prefix, prefix);
        if (change === undefined || (change.kind === "delete" && change.revision <= place.presentUpTo))
          continue;
        yield change;
      }
    } catch {
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
    place.isAnew = true;
  }
}

/** How far a watch has come. */
interface Place {
  last: number;
  presentUpTo: number;
  /** A reader was lost before. */
  isAnew: boolean;
}

/** The messages after a sequence, until the reader is lost. */
async function* readRound(
  nats: Nats,
  bucket: OpenBucket,
  prefix: string,
  place: Place,
  signal: AbortSignal,
): AsyncGenerator<StoredMessage, void> {
  const { manager, stream, info } = bucket;
  const keepsHistory = (info.config.max_msgs_per_subject ?? -1) !== 1;
  const filters = kvPrefixFilters(prefix).map((filter) => bucket.prefix + filter);
  const source = { nats, manager, stream, filters };
  const open = async (): Promise<StreamReader> => {
    if (place.isAnew) await noteNewBucket(bucket, place);
    const from = place.last === 0 && keepsHistory ? "last-of-each" : place.last + 1;
    return openReader({ ...source, from, signal });
  };
  await using reader = place.isAnew
    ? yield* untilOpen(open(), { ...source, next: () => place.last + 1 })
    : await open();
  while (!signal.aborted && !reader.isLost) yield* reader.batch({ waitMs: ROUND_MS });
}

/** A bucket that was made anew counts from 1 again. */
async function noteNewBucket({ manager, stream }: OpenBucket, place: Place): Promise<void> {
  const { state } = await manager.streams.info(stream);
  if (state.last_seq >= place.last) return;
  place.last = 0;
  place.presentUpTo = 0;
}

function changeOf(message: StoredMessage, subjectPrefix: string, prefix: string): ByteKvChange | undefined {
  const key = decodeKvKey(message.subject.slice(subjectPrefix.length));
  if (key === undefined || !key.startsWith(prefix)) return undefined;
  if (isMarker(message.headers)) return { kind: "delete", key, revision: message.seq };
  return { kind: "put", key, revision: message.seq, createdAt: message.time, bytes: message.data };
}

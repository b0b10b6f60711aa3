/**
 * Follows a bucket's keys for a reader who may be slow.
 *
 * I1  A batch is asked for when the one before was read: what waits here is one batch, bounded in bytes.
 * I2  The only state is the last sequence that was passed on. Whatever goes wrong (the server restarts, the consumer is
 *     gone) the next round begins behind it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type ConsumerMessages, DeliverPolicy, type JsMsg } from "@nats-io/jetstream";
import type { ByteKvChange } from "./byte-kv.ts";
import { isMarker, type OpenBucket } from "./byte-kv-bucket.ts";
import type { Nats } from "./connection.ts";
import { decodeKvKey, kvPrefixFilters } from "./kv-keys.ts";

const ROUND_MS = 30_000;
const RETRY_MS = 250;

/** Above any message of the server: one that is larger than the bound of its batch would never come. */
const SLACK_BYTES = 64 * 1024;

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
  // The first opening may fail, and then the caller hears of it.
  const bucket = await open();
  const { state } = await bucket.manager.streams.info(bucket.stream);
  let last = withPresent ? 0 : state.last_seq;
  // Markers of what was deleted before are no news.
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

/** What comes after a sequence: until the round's time is over, or so much has come, or the connection has been away. */
async function* readRound(
  nats: Nats,
  { client, stream, prefix: subjectPrefix, info }: OpenBucket,
  prefix: string,
  last: number,
  signal: AbortSignal,
): AsyncGenerator<JsMsg, void> {
  const keepsHistory = (info.config.max_msgs_per_subject ?? -1) !== 1;
  const consumer = await client.consumers.get(stream, {
    filter_subjects: kvPrefixFilters(prefix).map((filter) => subjectPrefix + filter),
    ...(last === 0 && keepsHistory
      ? { deliver_policy: DeliverPolicy.LastPerSubject }
      : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: last + 1 }),
  });
  let batch: ConsumerMessages | undefined;
  const stop = () => batch?.stop();
  const forget = nats.onState(stop);
  signal.addEventListener("abort", stop, { once: true });
  try {
    batch = await consumer.fetch({ max_bytes: nats.maxPayload + SLACK_BYTES, expires: ROUND_MS });
    if (signal.aborted) stop();
    yield* batch;
  } finally {
    forget();
    signal.removeEventListener("abort", stop);
    stop();
    void consumer.delete().catch(() => false);
  }
}

function changeOf(message: JsMsg, subjectPrefix: string, prefix: string): ByteKvChange | undefined {
  const key = decodeKvKey(message.subject.slice(subjectPrefix.length));
  if (key === undefined || !key.startsWith(prefix)) return undefined;
  if (isMarker(message.headers)) return { kind: "delete", key, revision: message.seq };
  return { kind: "put", key, revision: message.seq, createdAt: message.time, bytes: message.data };
}

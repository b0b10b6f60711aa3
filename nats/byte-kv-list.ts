import { DeliverPolicy } from "@nats-io/jetstream";
import type { KvPage } from "./byte-kv.ts";
import { isMarker, type OpenBucket } from "./byte-kv-bucket.ts";
import { decodeKvKey, kvPrefixFilters } from "./kv-keys.ts";

/** Messages that are asked for at a time. */
const BATCH = 256;

/**
 * One page of a bucket's keys, in the order in which they were last written: the stream's own, so that a page costs what it
 * holds and not what the bucket holds.
 */
export async function listByteKv(
  { client, stream, prefix: subjectPrefix, info }: OpenBucket,
  { prefix, limit, after }: { prefix: string; limit: number; after: number },
): Promise<KvPage> {
  const keepsHistory = (info.config.max_msgs_per_subject ?? -1) !== 1;
  const consumer = await client.consumers.get(stream, {
    filter_subjects: kvPrefixFilters(prefix).map((filter) => subjectPrefix + filter),
    headers_only: true,
    // Where older values are kept only this policy leaves them out; what was on earlier pages is passed over.
    ...(keepsHistory
      ? { deliver_policy: DeliverPolicy.LastPerSubject }
      : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: after + 1 }),
  });
  const keys: KvPage["keys"] = [];
  try {
    let pending = (await consumer.info(true)).num_pending;
    while (pending > 0) {
      const batch = await consumer.fetch({ max_messages: Math.min(BATCH, pending), expires: 5_000 });
      let received = 0;
      for await (const message of batch) {
        received += 1;
        pending = message.info.pending;
        if (message.seq <= after || isMarker(message.headers)) continue;
        const key = decodeKvKey(message.subject.slice(subjectPrefix.length));
        if (key === undefined || !key.startsWith(prefix)) continue;
        keys.push({ key, revision: message.seq });
        if (keys.length === limit) return { keys, next: pending > 0 ? message.seq : undefined };
      }
      if (received === 0) break;
    }
    return { keys, next: undefined };
  } finally {
    await consumer.delete().catch(() => false);
  }
}

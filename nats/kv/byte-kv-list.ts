import type { Nats } from "../connection.ts";
import { openReader } from "../stream-reader.ts";
import type { KvPage } from "./byte-entry.ts";
import { isMarker, type OpenBucket } from "./byte-kv-bucket.ts";
import { decodeKvKey, kvPrefixFilters } from "./kv-keys.ts";

const WAIT_MS = 5_000;

/**
 * One page of a bucket's keys, in the order of their last writes. That is the stream's own order, so a page costs its
 * content and not the bucket's.
 */
export async function listByteKv(
  nats: Nats,
  { manager, stream, prefix: subjectPrefix, info }: OpenBucket,
  { prefix, limit, after }: { prefix: string; limit: number; after: number },
): Promise<KvPage> {
  const keepsHistory = (info.config.max_msgs_per_subject ?? -1) !== 1;
  await using reader = await openReader({
    nats,
    manager,
    stream,
    filters: kvPrefixFilters(prefix).map((filter) => subjectPrefix + filter),
    headersOnly: true,
    // Where older values are kept only this policy leaves them out; keys on earlier pages are passed over.
    from: keepsHistory ? "last-of-each" : after + 1,
  });
  const keys: KvPage["keys"] = [];
  for (let pending = reader.pending; pending > 0; ) {
    let hasCome = false;
    for await (const message of reader.batch({ waitMs: WAIT_MS })) {
      hasCome = true;
      pending = message.info.pending;
      const isListed = message.seq > after && !isMarker(message.headers);
      const key = isListed ? decodeKvKey(message.subject.slice(subjectPrefix.length)) : undefined;
      if (key?.startsWith(prefix)) keys.push({ key, revision: message.seq });
      if (keys.length === limit) return { keys, next: pending > 0 ? message.seq : undefined };
      if (pending === 0) break;
    }
    if (!hasCome) break;
  }
  return { keys, next: undefined };
}

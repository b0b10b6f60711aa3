import { DeliverPolicy } from "@nats-io/jetstream";
import type { ObjectFacts, ObjectPage, OpenStore } from "./byte-objects.ts";
import { isNoObject, isReachable, type StoredInfo } from "./byte-objects-entries.ts";

const BATCH = 128;

/** One page of a store's objects. Each has one message that describes it; the newest replaces the older ones. */
export async function listByteObjects(
  store: OpenStore,
  toFacts: (info: StoredInfo) => ObjectFacts,
  { prefix, limit, after }: { prefix: string; limit: number; after: number },
): Promise<ObjectPage> {
  const { client, bucket } = store;
  const consumer = await client.consumers.get(`OBJ_${bucket}`, {
    filter_subjects: [`$O.${bucket}.M.>`],
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: after + 1,
  });
  const objects: ObjectFacts[] = [];
  try {
    let pending = (await consumer.info(true)).num_pending;
    while (pending > 0) {
      const batch = await consumer.fetch({ max_messages: Math.min(BATCH, pending), expires: 5_000 });
      let received = 0;
      for await (const message of batch) {
        received += 1;
        pending = message.info.pending;
        const info = message.json<StoredInfo>();
        if (isNoObject(info) || !info.name.startsWith(prefix)) continue;
        if (!(await isReachable(store, message.subject, info.name))) continue;
        objects.push(toFacts(info));
        if (objects.length === limit) return { objects, next: pending > 0 ? message.seq : undefined };
      }
      if (received === 0) break;
    }
    return { objects, next: undefined };
  } finally {
    await consumer.delete().catch(() => false);
  }
}

import { openReader } from "../stream-reader.ts";
import { isNoObject, isReachable, type StoredInfo } from "./byte-objects-entries.ts";
import type { ObjectFacts, ObjectPage, OpenStore } from "./open-store.ts";

const WAIT_MS = 5_000;

/** One page of a store's objects. Each has one message that describes it; the newest replaces the older ones. */
export async function listByteObjects(
  store: OpenStore,
  toFacts: (info: StoredInfo) => ObjectFacts,
  { prefix, limit, after }: { prefix: string; limit: number; after: number },
): Promise<ObjectPage> {
  await using reader = await openReader({
    nats: store.nats,
    manager: store.manager,
    stream: `OBJ_${store.bucket}`,
    filters: [`$O.${store.bucket}.M.>`],
    from: after + 1,
  });
  const objects: ObjectFacts[] = [];
  for (let pending = reader.pending; pending > 0; ) {
    let hasCome = false;
    for await (const message of reader.batch({ waitMs: WAIT_MS })) {
      hasCome = true;
      pending = message.info.pending;
      const info = message.json<StoredInfo>();
      const isMeant = !isNoObject(info) && info.name.startsWith(prefix);
      if (isMeant && (await isReachable(store, message.subject, info.name))) objects.push(toFacts(info));
      if (objects.length === limit) return { objects, next: pending > 0 ? message.seq : undefined };
      if (pending === 0) break;
    }
    if (!hasCome) break;
  }
  return { objects, next: undefined };
}

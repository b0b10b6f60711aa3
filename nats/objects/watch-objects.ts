import { jetstreamManager } from "@nats-io/jetstream";
import type { Nats } from "../connection.ts";
import { watchKv } from "../kv/kv-watch.ts";
import { isNoObject, type StoredInfo } from "./byte-objects-entries.ts";
import { openContentStore } from "./objects.ts";

/** An object that appeared or changed. `digest` is undefined where it was deleted. */
export interface ObjectChange {
  name: string;
  digest: string | undefined;
}

/**
 * Calls back with every object of a store, then with every change, until `signal` ends it. Makes the store where it is
 * missing. Resolves once the present objects were handed over, or `signal` ended it; rejects where the store cannot be
 * read at the start.
 */
export async function watchObjects(
  nats: Nats,
  bucket: string,
  onChange: (change: ObjectChange) => void,
  signal: AbortSignal,
): Promise<void> {
  await openContentStore(nats, bucket);
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  await watchKv<StoredInfo>({
    nats,
    manager,
    stream: `OBJ_${bucket}`,
    prefix: `$O.${bucket}.M.`,
    read: ({ key, revision, createdAt, data }) => ({
      ok: true,
      key,
      revision,
      createdAt,
      value: JSON.parse(Buffer.from(data).toString()) as StoredInfo,
    }),
    onChange: (change) => {
      if (change.kind !== "put" || !change.read.ok) return;
      const { value } = change.read;
      onChange({ name: value.name, digest: isNoObject(value) ? undefined : value.digest });
    },
    signal,
  });
}

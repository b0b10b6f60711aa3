/** The files of services' programs, out of `app-binaries` by their names, and kept by their digest. */
import { binaryMetadataKeys, NarunError, stores } from "../../contracts/index.ts";
import { type ByteObjects, type Nats, openByteObjects } from "../../nats/index.ts";
import type { BundleCache } from "./bundle-cache.ts";
import type { ServiceFile } from "./service-programs.ts";

export interface ProgramFiles {
  /** Errors: NODE_CANNOT_CONFINE, OBJECT_NOT_FOUND, DIGEST_MISMATCH. */
  load(file: ServiceFile): Promise<{ bundle: Uint8Array; command: string }>;
}

export function createProgramFiles(nats: Nats, cache: BundleCache): ProgramFiles {
  const store = openByteObjects(nats, stores.binaries.objects);
  return {
    async load({ objects, sha256, unfit }) {
      if (unfit !== undefined) throw new NarunError("NODE_CANNOT_CONFINE", { detail: unfit });
      for (const object of objects) {
        const facts = await store.info(object);
        if (facts === undefined) continue;
        if (sha256 !== undefined && facts.sha256 !== sha256) continue;
        const bundle = await cache.get(facts.sha256, () => readWhole(store, object, facts.version));
        // An interpreter may look at the ending of its name.
        return { bundle, command: facts.metadata[binaryMetadataKeys.file] ?? object };
      }
      const detail = `none of ${objects.join(", ")} is in ${stores.binaries.objects}`;
      throw new NarunError("OBJECT_NOT_FOUND", { detail });
    },
  };
}

/** All bytes of one version of an object. Errors: OBJECT_NOT_FOUND, DIGEST_MISMATCH. */
export async function readWhole(store: ByteObjects, object: string, version: string): Promise<Uint8Array> {
  const body = await store.read(object, version);
  if (body === undefined)
    throw new NarunError("OBJECT_NOT_FOUND", { detail: `${object} was replaced while it was read` });
  return Buffer.concat(await Array.fromAsync(body));
}

/** The files of programs, out of `app-binaries`, kept by their digest. */
import { binaryMetadataKeys, type Manifest, NarunError, objectName, stores } from "../../contracts/index.ts";
import { type Nats, openByteObjects } from "../../nats/index.ts";
import type { KeptFile } from "../host.ts";
import type { FileCache } from "./file-cache.ts";
import type { ServiceFile } from "./service-programs.ts";

export interface ProgramFiles {
  /** The file of a revision. Errors: OBJECT_NOT_FOUND, DIGEST_MISMATCH. */
  ofRevision(manifest: Pick<Manifest, "bundle">): Promise<KeptFile>;
  /** The file of a service, and its name. Errors: NODE_CANNOT_CONFINE, OBJECT_NOT_FOUND, DIGEST_MISMATCH. */
  ofService(file: ServiceFile): Promise<{ program: KeptFile; command: string }>;
}

export function createProgramFiles(nats: Nats, cache: FileCache): ProgramFiles {
  const store = openByteObjects(nats, stores.binaries.objects);
  return {
    async ofRevision({ bundle: { sha256 } }) {
      const object = objectName(sha256);
      const facts = await store.info(object);
      if (facts?.sha256 !== sha256) throw new NarunError("OBJECT_NOT_FOUND", { detail: object, sha256 });
      return cache.get({ store, object, ...facts });
    },
    async ofService({ objects, sha256, unfit }) {
      if (unfit !== undefined) throw new NarunError("NODE_CANNOT_CONFINE", { detail: unfit });
      for (const object of objects) {
        const facts = await store.info(object);
        if (facts === undefined) continue;
        if (sha256 !== undefined && facts.sha256 !== sha256) continue;
        const program = await cache.get({ store, object, ...facts });
        // An interpreter may look at the ending of its name.
        return { program, command: facts.metadata[binaryMetadataKeys.file] ?? object };
      }
      const detail = `none of ${objects.join(", ")} is in ${stores.binaries.objects}`;
      throw new NarunError("OBJECT_NOT_FOUND", { detail });
    },
  };
}

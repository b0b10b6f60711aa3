/** The files of `narun-files` that programs have in their folders, kept on the node by their digest. */
import { type FunctionConfig, NarunError, stores } from "../../contracts/index.ts";
import { type ByteObjects, type Nats, openByteObjects } from "../../nats/index.ts";
import type { MountedFile } from "../host.ts";
import type { FileCache } from "./file-cache.ts";

export interface MountedFiles {
  /** The files of a program's `mounts`. Errors: MOUNT_MISSING, with the file's name; DIGEST_MISMATCH. */
  load(config: Pick<FunctionConfig, "mounts">): Promise<MountedFile[]>;
}

export function createMountedFiles(nats: Nats, cache: FileCache): MountedFiles {
  let store: ByteObjects | undefined;
  return {
    load: ({ mounts = [] }) =>
      Promise.all(
        mounts.map(async ({ path, source: { objectStore: object } }) => {
          store ??= openByteObjects(nats, stores.files.objects);
          const opened = store;
          const facts = await opened.info(object);
          if (facts === undefined) {
            const detail = `${path} is the file ${JSON.stringify(object)}, which ${stores.files.objects} does not have`;
            throw new NarunError("MOUNT_MISSING", { detail });
          }
          return { path, file: await cache.get({ store: opened, object, ...facts }) };
        }),
      ),
  };
}

/** Data of stored messages that is too large for one message, as objects of `narun-bodies`. */
import { NarunError, stores } from "../contracts/index.ts";
import type { Nats } from "./connection.ts";
import { openByteObjects } from "./objects/byte-objects.ts";

export interface Bodies {
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** Error: OBJECT_NOT_FOUND. */
  read(name: string): Promise<Uint8Array>;
  /** No error where it is not there. */
  delete(name: string): Promise<void>;
}

/** Nothing is opened before it is used. Errors of all methods: see needsJetStream. */
export function openBodies(nats: Nats): Bodies {
  const objects = openByteObjects(nats, stores.bodies.objects);
  return {
    async put(name, bytes) {
      await objects.put(name, one(bytes));
    },
    async read(name) {
      const info = await objects.info(name);
      const body = info && (await objects.read(name, info.version));
      if (body === undefined) throw new NarunError("OBJECT_NOT_FOUND", { detail: name });
      return Buffer.concat(await Array.fromAsync(body));
    },
    delete: (name) => objects.delete(name),
  };
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

/**
 * An object store as functions use it: any text as name, bodies of any size that are streamed.
 *
 * I1  The store is made at its first use, and again after it was deleted.
 * I2  A body that is read whole has the digest of its write; a body with another digest breaks.
 * I3  An object appears when all of it is stored; a write that breaks off leaves the former object.
 */
import { createHash } from "node:crypto";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { Objm } from "@nats-io/obj";
import { NarunError } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { MADE_BY_NARUN } from "../copies.ts";
import { withCopies } from "../copies-choice.ts";
import { isStreamMissing } from "../jetstream-errors.ts";
import { MAX_LISTS, type StoreBounds } from "../kv/byte-kv.ts";
import { needsJetStream } from "../needs-jetstream.ts";
import { createStoreRoom } from "../store-room.ts";
import { createTurns } from "../turns.ts";
import { deleteObject, findObject, type StoredInfo } from "./byte-objects-entries.ts";
import { listByteObjects } from "./byte-objects-list.ts";
import { writeObject } from "./byte-objects-write.ts";
import type { ObjectFacts, ObjectPage, OpenStore, PutObjectOptions } from "./open-store.ts";
import { type Chunk, type ChunkPosition, readChunks } from "./read-chunks.ts";

export interface ByteObjects {
  info(name: string): Promise<ObjectFacts | undefined>;
  /**
   * The bytes of one version; undefined where the name has another version by now. Errors while it is read:
   * OBJECT_NOT_FOUND, DIGEST_MISMATCH.
   */
  read(name: string, version: string): Promise<AsyncGenerator<Uint8Array, void> | undefined>;
  /**
   * The chunks of one version behind a place, from the beginning without one; undefined where the name has another version by
   * now. The reader compares the digest. Error while it is read: OBJECT_NOT_FOUND.
   */
  chunks(
    name: string,
    version: string,
    after?: ChunkPosition,
  ): Promise<AsyncGenerator<Chunk, void> | undefined>;
  /** A write that breaks off, by its body or by `signal`, leaves nothing. */
  put(name: string, body: AsyncIterable<Uint8Array>, options?: PutObjectOptions): Promise<ObjectFacts>;
  /** Makes the store where it is missing. */
  make(): Promise<void>;
  /** No error where it is not there. */
  delete(name: string): Promise<void>;
  /** Objects in the order in which they were last written, beginning behind `after`. */
  list(options: { prefix: string; limit: number; after: number }): Promise<ObjectPage>;
}

/**
 * An object store of functions. Nothing is opened before it is used. Errors of all methods: see needsJetStream; of
 * writes also STORE_LIMIT.
 */
export function openByteObjects(nats: Nats, bucket: string, options: StoreBounds = {}): ByteObjects {
  const { maxBytes = Number.POSITIVE_INFINITY } = options;
  const room = createStoreRoom(bucket, `OBJ_${bucket}`, maxBytes);
  let opening: Promise<OpenStore> | undefined;
  const lists = createTurns(MAX_LISTS);

  const open = async (): Promise<OpenStore> => {
    const client = jetstream(nats.connection);
    const manager = await jetstreamManager(nats.connection);
    // Some users may use a store and make none.
    await manager.streams.info(`OBJ_${bucket}`).catch(async (error: unknown) => {
      if (!isStreamMissing(error)) throw error;
      const metadata = MADE_BY_NARUN;
      await withCopies(nats.copies, (replicas) => new Objm(client).create(bucket, { replicas, metadata }));
    });
    return { nats, client, manager, bucket, maxPayload: nats.maxPayload, room };
  };
  const opened = () => {
    opening ??= needsJetStream(nats, open).catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  const using = async <T>(work: (store: OpenStore) => Promise<T>): Promise<T> => {
    const isFirst = opening === undefined;
    try {
      return await work(await opened());
    } catch (error) {
      if (isFirst || !isStreamMissing(error)) throw error;
      opening = undefined;
      return work(await opened());
    }
  };
  return {
    info: (name) =>
      using(async (store) => {
        const info = await findObject(store, name);
        return info && factsOf(info);
      }),
    read: (name, version) =>
      using(async (store) => {
        const info = await findObject(store, name);
        return info?.nuid === version ? readBody(store, info) : undefined;
      }),
    chunks: (name, version, after) =>
      using(async (store) => {
        const info = await findObject(store, name);
        return info?.nuid === version ? readChunks(store, info, after) : undefined;
      }),
    async put(name, body, options = {}) {
      // The body can be read once: a store that is gone shows before.
      const store = await using(async (found) => {
        await findObject(found, name);
        return found;
      });
      return factsOf(await writeObject(store, name, body, options));
    },
    make: async () => void (await using(async (store) => store)),
    delete: (name) => using((store) => deleteObject(store, name)),
    list: (options) =>
      lists.run(() => surely(nats, () => using((one) => listByteObjects(one, factsOf, options)))),
  };
}

/** A page has a consumer of its own, whose server may be gone: then another one reads it. */
function surely<T>(nats: Nats, work: () => Promise<T>): Promise<T> {
  return needsJetStream(nats, work, { isLong: true });
}

function factsOf({ name, size, digest, mtime, nuid, metadata }: StoredInfo): ObjectFacts {
  const sha256 = Buffer.from(digest.replace(/^SHA-256=/i, ""), "base64url").toString("hex");
  return { name, size, sha256, modifiedAt: new Date(mtime), metadata: metadata ?? {}, version: nuid };
}

async function* readBody(store: OpenStore, info: StoredInfo): AsyncGenerator<Uint8Array, void> {
  const { sha256 } = factsOf(info);
  const hash = createHash("sha256");
  for await (const { data } of readChunks(store, info)) {
    hash.update(data);
    yield data;
  }
  const actual = hash.digest("hex");
  if (actual !== sha256)
    throw new NarunError("DIGEST_MISMATCH", { detail: `expected ${sha256}, found ${actual}` });
}

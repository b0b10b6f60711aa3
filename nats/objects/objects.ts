import { type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { Objm } from "@nats-io/obj";
import { NarunError, objectName } from "../../contracts/index.ts";
import { sha256Hex } from "../../machine/index.ts";
import type { Nats } from "../connection.ts";
import { withCopies } from "../copies-choice.ts";
import { needsJetStream } from "../needs-jetstream.ts";
import { makeOwnStream, type StreamNeeds } from "../own-stream.ts";
import { deleteObject, findObject, type StoredInfo } from "./byte-objects-entries.ts";
import { writeObject } from "./byte-objects-write.ts";
import { chunkSubject } from "./object-names.ts";
import type { OpenStore } from "./open-store.ts";

/** An object store whose objects are named by the SHA-256 of their bytes, so that equal bytes are stored once. */
export interface ContentStore {
  has(sha256: string): Promise<boolean>;
  /**
   * Stores bytes under their digest; true where they were written. Bytes that the store has already are not written
   * again, except with `replace`: for bytes that turned out damaged when they were read.
   */
  put(sha256: string, bytes: Uint8Array, options?: { replace?: boolean }): Promise<boolean>;
  /** Reads bytes. Errors: OBJECT_NOT_FOUND; DIGEST_MISMATCH, where the bytes have another digest. */
  get(sha256: string): Promise<Uint8Array>;
  /** Deletes bytes; it is no error where they are not there. */
  delete(sha256: string): Promise<void>;
}

/** It has no bound. */
const room = { take: async () => undefined };

/**
 * Opens an object store, creating it where it is missing. Each of its messages is asked for, or written, on its own: the client library
 * begins a whole object anew where a leader is elected meanwhile, after seconds of waiting. Errors: see needsJetStream; STREAM_UNFIT.
 */
export async function openContentStore(nats: Nats, name: string): Promise<ContentStore> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const client = jetstream(nats.connection);
  const objm = new Objm(jetstream(nats.connection, { checkAPI: false }));
  const subjects = [`$O.${name}.C.>`, `$O.${name}.M.>`];
  const needs: StreamNeeds = { stream: `OBJ_${name}`, subjects, flags: ["allow_rollup_hdrs"] };
  await needsJetStream(nats, () =>
    makeOwnStream(manager, needs, () =>
      withCopies(nats.copies, (replicas) => objm.create(name, { replicas })),
    ),
  );
  const store: OpenStore = { nats, client, manager, bucket: name, maxPayload: nats.maxPayload, room };
  const find = (sha256: string) => findObject(store, objectName(sha256));
  const has = async (sha256: string) => {
    const info = await find(sha256);
    return info !== undefined && isOf(info, sha256);
  };
  return {
    has,
    async put(sha256, bytes, { replace = false } = {}) {
      if (!replace && (await has(sha256))) return false;
      await writeObject(store, objectName(sha256), one(bytes), {});
      return true;
    },
    async get(sha256) {
      const info = await find(sha256);
      if (info === undefined) {
        throw new NarunError("OBJECT_NOT_FOUND", { detail: objectName(sha256), sha256 });
      }
      const bytes = await readChunks(nats, manager, name, info);
      const actual = sha256Hex(bytes);
      if (actual !== sha256) {
        throw new NarunError("DIGEST_MISMATCH", { detail: `expected ${sha256}, found ${actual}`, sha256 });
      }
      return bytes;
    },
    delete: (sha256) => deleteObject(store, objectName(sha256)),
  };
}

/** The library pads the base64, other clients need not. */
function isOf({ digest }: StoredInfo, sha256: string): boolean {
  return digest.replace(/=+$/, "") === `SHA-256=${Buffer.from(sha256, "hex").toString("base64url")}`;
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

/**
 * The chunks of an object, one after the other. Our own instead of the client library's, which waits for ever where
 * chunks are missing: damaged, or deleted while they are read. A missing chunk shows in the digest.
 */
async function readChunks(
  nats: Nats,
  manager: JetStreamManager,
  bucket: string,
  { nuid, chunks: count }: StoredInfo,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (let sequence = 1; chunks.length < count; ) {
    // The stream's leader answers, so that the latest writes are seen; a literal would not pass the library's types.
    const next = { seq: sequence, next_by_subj: chunkSubject(bucket, nuid) };
    const chunk = await needsJetStream(nats, () => manager.streams.getMessage(`OBJ_${bucket}`, next));
    if (chunk === null) break;
    chunks.push(chunk.data);
    sequence = chunk.seq + 1;
  }
  return Buffer.concat(chunks);
}

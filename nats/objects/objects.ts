import { type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { Objm } from "@nats-io/obj";
import { NarunError, objectName } from "../../contracts/index.ts";
import { sha256Hex } from "../../machine/index.ts";
import type { Nats } from "../connection.ts";
import { withCopies } from "../copies-choice.ts";
import { needsJetStream } from "../needs-jetstream.ts";
import { openOwnStream, type StreamNeeds } from "../own-stream.ts";

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

const LONG = { isLong: true };

/** Opens an object store, creating it where it is missing. Errors: see needsJetStream; STREAM_UNFIT. */
export async function openContentStore(nats: Nats, name: string): Promise<ContentStore> {
  const manager = await needsJetStream(nats, () => jetstreamManager(nats.connection));
  const subjects = [`$O.${name}.C.>`, `$O.${name}.M.>`];
  const needs: StreamNeeds = { stream: `OBJ_${name}`, subjects, flags: ["allow_rollup_hdrs"] };
  const store = await needsJetStream(nats, () =>
    openOwnStream(manager, needs, () =>
      withCopies(nats.copies, (replicas) => new Objm(jetstream(nats.connection)).create(name, { replicas })),
    ),
  );
  const wireDigest = (sha256: string) => `SHA-256=${Buffer.from(sha256, "hex").toString("base64url")}`;
  const has = async (sha256: string) => {
    const info = await needsJetStream(nats, () => store.info(objectName(sha256)));
    // The library pads the base64, other clients need not.
    return (
      info !== null &&
      !info.deleted &&
      info.digest.replace(/=+$/, "") === wireDigest(sha256).replace(/=+$/, "")
    );
  };
  return {
    has,
    async put(sha256, bytes, { replace = false } = {}) {
      if (!replace && (await has(sha256))) return false;
      await needsJetStream(nats, () => store.putBlob({ name: objectName(sha256) }, bytes), LONG);
      return true;
    },
    async get(sha256) {
      const info = await needsJetStream(nats, () => store.info(objectName(sha256)));
      if (info === null || info.deleted) {
        throw new NarunError("OBJECT_NOT_FOUND", { detail: objectName(sha256), sha256 });
      }
      const subject = `$O.${name}.C.${info.nuid}`;
      const bytes = await needsJetStream(
        nats,
        () => readChunks(manager, `OBJ_${name}`, subject, info.chunks),
        LONG,
      );
      const actual = sha256Hex(bytes);
      if (actual !== sha256) {
        throw new NarunError("DIGEST_MISMATCH", { detail: `expected ${sha256}, found ${actual}`, sha256 });
      }
      return bytes;
    },
    async delete(sha256) {
      await needsJetStream(nats, () => store.delete(objectName(sha256)));
    },
  };
}

/**
 * The chunks of an object, one after the other. Our own instead of the client library's, which waits for ever where
 * chunks are missing: damaged, or deleted while they are read. A missing chunk shows in the digest.
 */
async function readChunks(
  manager: JetStreamManager,
  stream: string,
  subject: string,
  count: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (let sequence = 1; chunks.length < count; ) {
    // The stream's leader answers, so that the latest writes are seen; a literal would not pass the library's types.
    const next = { seq: sequence, next_by_subj: subject };
    const chunk = await manager.streams.getMessage(stream, next);
    if (chunk === null) break;
    chunks.push(chunk.data);
    sequence = chunk.seq + 1;
  }
  return Buffer.concat(chunks);
}

import { createHash } from "node:crypto";
import { nuid } from "@nats-io/transport-node";
import { needsJetStream } from "../needs-jetstream.ts";
import { publishSurely } from "../publish-surely.ts";
import { storeProblem } from "../store-problem.ts";
import { purge, type StoredInfo, writeEntry } from "./byte-objects-entries.ts";
import { LEFT_AFTER_MS } from "./leftovers.ts";
import { chunkSubject } from "./object-names.ts";
import type { OpenStore, PutObjectOptions } from "./open-store.ts";

const CHUNK_BYTES = 128 * 1024;

/**
 * How long a body may be silent. After a longer silence its chunks would be taken for leftovers of a killed writer.
 */
const MAX_SILENCE_MS = LEFT_AFTER_MS / 2;

/** Stores an object in chunks, then the entry that makes them the object. Drops the chunks where it breaks off. */
export async function writeObject(
  store: OpenStore,
  name: string,
  body: AsyncIterable<Uint8Array>,
  { metadata = {}, signal }: PutObjectOptions,
): Promise<StoredInfo> {
  const { nats, client, manager, bucket, maxPayload, room } = store;
  const id = nuid.next();
  const subject = chunkSubject(bucket, id);
  const chunkBytes = Math.min(CHUNK_BYTES, maxPayload);
  const hash = createHash("sha256");
  let [size, chunks] = [0, 0];
  let writtenAtMs = performance.now();
  try {
    for await (const chunk of inChunks(body, chunkBytes)) {
      signal?.throwIfAborted();
      checkSilence(writtenAtMs);
      await needsJetStream(nats, () => room.take(manager, chunk.byteLength));
      hash.update(chunk);
      size += chunk.byteLength;
      chunks += 1;
      // A second attempt may still be on its way when the next chunk takes this one's place.
      await publishSurely(nats, client, subject, nats.cluster.isCluster ? chunk.slice() : chunk);
      writtenAtMs = performance.now();
    }
    signal?.throwIfAborted();
    checkSilence(writtenAtMs);
    const info: StoredInfo = {
      ...{ bucket, nuid: id, size, chunks, name, metadata },
      options: { max_chunk_size: chunkBytes },
      mtime: new Date().toISOString(),
      digest: `SHA-256=${paddedBase64url(hash.digest())}`,
      deleted: false,
    };
    await writeEntry(store, info);
    return info;
  } catch (error) {
    const dropping = purge(store, subject);
    // While JetStream is away the chunks stay, until they count as leftovers.
    if (storeProblem(error) === "away") dropping.catch(() => undefined);
    else await dropping;
    throw error;
  }
}

function checkSilence(sinceMs: number): void {
  if (performance.now() - sinceMs > MAX_SILENCE_MS) throw new Error("the body was silent for too long");
}

/** The same bytes in pieces of one size, but for the last. A piece holds until the next one is asked for. */
async function* inChunks(
  body: AsyncIterable<Uint8Array>,
  chunkBytes: number,
): AsyncGenerator<Uint8Array, void> {
  const buffer = new Uint8Array(chunkBytes);
  let filled = 0;
  for await (const piece of body) {
    for (let at = 0; at < piece.byteLength; ) {
      const part = piece.subarray(at, at + chunkBytes - filled);
      buffer.set(part, filled);
      at += part.byteLength;
      filled += part.byteLength;
      if (filled === chunkBytes) {
        yield buffer;
        filled = 0;
      }
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}

/** The other clients read no other form. */
function paddedBase64url(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}

import { NarunError } from "../../contracts/index.ts";
import { needsJetStream } from "../needs-jetstream.ts";
import type { StoredInfo } from "./byte-objects-entries.ts";
import { chunkSubject } from "./object-names.ts";
import type { OpenStore } from "./open-store.ts";

/** The place behind a chunk of an object: a reader that broke off goes on there. */
export interface ChunkPosition {
  /** How many chunks come before it. */
  chunks: number;
  /** The number of the last of them in the stream; 0 before the first one. */
  sequence: number;
}

/** A piece of an object, and the place behind it. */
export interface Chunk {
  data: Uint8Array;
  position: ChunkPosition;
}

const BEGIN: ChunkPosition = { chunks: 0, sequence: 0 };

/** The chunks of an object behind a place, the next one fetched while one is read. Error: OBJECT_NOT_FOUND. */
export async function* readChunks(
  { nats, manager, bucket }: Pick<OpenStore, "nats" | "manager" | "bucket">,
  { nuid, chunks }: Pick<StoredInfo, "nuid" | "chunks">,
  after: ChunkPosition = BEGIN,
): AsyncGenerator<Chunk, void> {
  const next = async (sequence: number) => {
    const query = { seq: sequence, next_by_subj: chunkSubject(bucket, nuid) };
    const direct = await manager.direct.getMessage(`OBJ_${bucket}`, query as never).catch(() => null);
    // A replica may be behind its leader.
    return direct ?? needsJetStream(nats, () => manager.streams.getMessage(`OBJ_${bucket}`, query));
  };
  let coming = chunks > after.chunks ? next(after.sequence + 1) : undefined;
  for (let count = after.chunks + 1; coming !== undefined; count++) {
    const chunk = await coming;
    if (chunk === null) {
      throw new NarunError("OBJECT_NOT_FOUND", { detail: "it was replaced or deleted while it was read" });
    }
    coming = count < chunks ? next(chunk.seq + 1) : undefined;
    // It stays without a reader where this one leaves now.
    coming?.catch(() => undefined);
    yield { data: chunk.data, position: { chunks: count, sequence: chunk.seq } };
  }
}

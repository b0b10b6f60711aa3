/** An object store of functions, opened, and the facts of its objects. */
import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import type { Nats } from "../connection.ts";
import type { StoreRoom } from "../store-room.ts";

export interface ObjectFacts {
  name: string;
  size: number;
  /** SHA-256, hex. */
  sha256: string;
  modifiedAt: Date;
  metadata: Readonly<Record<string, string>>;
  /** Changes with every write of the name. */
  version: string;
}

export interface ObjectPage {
  objects: ObjectFacts[];
  /** Where the next page begins; undefined where there is none. */
  next: number | undefined;
}

export interface PutObjectOptions {
  metadata?: Readonly<Record<string, string>>;
  /** Ends the write at its next chunk. */
  signal?: AbortSignal | undefined;
}

/** An open store, for its parts. */
export interface OpenStore {
  nats: Nats;
  client: JetStreamClient;
  manager: JetStreamManager;
  bucket: string;
  /** Most bytes of one message. */
  maxPayload: number;
  room: StoreRoom;
}

/**
 * The world that a connection belongs to: all that share one store of specs. Several worlds may hear each other, as where a
 * leaf node's server has a JetStream of its own: core NATS goes through, what is stored stays apart.
 *
 * I1  Subjects of narun's own have the world's id on the wire, behind their first token: a world hears nothing of another's.
 * I2  The id is made of the creation time of the bucket `app-configs`, in nanoseconds, which its server keeps: all who see
 *     the same bucket have the same id, and nobody has to write it down first.
 */
import { createHash } from "node:crypto";
import { JetStreamApiCodes, JetStreamApiError, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/transport-node";
import { stores } from "../contracts/index.ts";
import { isWithoutJetStream } from "./no-jetstream.ts";

export interface World {
  readonly id: string;
  /** A subject as it is on the wire. */
  toWire(subject: string): string;
  /** A subject that came by the wire. */
  fromWire(subject: string): string;
}

const OWN = "narun.";

export function createWorld(id: string): World {
  const prefix = `${OWN}${id}.`;
  return {
    id,
    toWire: (subject) => (subject.startsWith(OWN) ? prefix + subject.slice(OWN.length) : subject),
    fromWire: (subject) => (subject.startsWith(prefix) ? OWN + subject.slice(prefix.length) : subject),
  };
}

/** Where nothing is stored there is nothing to tell apart: no part of narun starts without JetStream. */
const NO_STORE = "none";
const ID_DIGITS = 8;

/** The id of the connection's world. Creates the bucket where it is missing. */
export async function findWorldId(connection: NatsConnection): Promise<string> {
  const { bucket, history } = stores.configs;
  const stream = `KV_${bucket}`;
  const manager = await jetstreamManager(connection, { checkAPI: false });
  try {
    const created = await createdAt(
      async () => (await manager.streams.info(stream)).created,
      async () => {
        await new Kvm(jetstream(connection)).create(bucket, { history });
      },
    );
    return createHash("sha256").update(created).digest("hex").slice(0, ID_DIGITS);
  } catch (error) {
    if (isWithoutJetStream(error)) return NO_STORE;
    throw error;
  }
}

async function createdAt(look: () => Promise<string>, create: () => Promise<void>): Promise<string> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== JetStreamApiCodes.StreamNotFound) throw error;
    await create();
    return look();
  }
}

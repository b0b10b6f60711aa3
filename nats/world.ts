/**
 * The world of a connection: all connections to one store of specs. Several worlds may hear each other, as where a
 * leaf node's server has a JetStream of its own: core NATS is shared, stored messages are not.
 *
 * I1  Subjects of narun's own have the world's id on the wire, behind their first token: a world hears nothing of
 *     another's.
 * I2  The id is made of the creation time of the bucket `app-configs`, in nanoseconds. Its server keeps that time, so
 *     all users of a bucket have the same id, and no process has to write it down first.
 */
import { createHash } from "node:crypto";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/transport-node";
import { messageOf, stores } from "../contracts/index.ts";
import type { ClusterView } from "./cluster-view.ts";
import { type CopiesChoice, withCopies } from "./copies-choice.ts";
import { isStreamMissing } from "./jetstream-errors.ts";
import { needsJetStream } from "./needs-jetstream.ts";

export interface World {
  /** Empty where it could not be found. */
  readonly id: string;
  /** A subject as it is on the wire. Throws the reason where the world is not known and the subject is narun's own. */
  toWire(subject: string): string;
  /** A subject of narun from its form on the wire. */
  fromWire(subject: string): string;
}

const OWN = "narun.";

/** Makes a world from its id, or from the reason why there is none. */
export function createWorld(found: string | Error): World {
  if (typeof found !== "string") return unknownWorld(found);
  const prefix = `${OWN}${found}.`;
  return {
    id: found,
    toWire: (subject) => (subject.startsWith(OWN) ? prefix + subject.slice(OWN.length) : subject),
    fromWire: (subject) => (subject.startsWith(prefix) ? OWN + subject.slice(prefix.length) : subject),
  };
}

/** A login that cannot see the store may use NATS, but no subject of narun's. */
function unknownWorld(reason: Error): World {
  return {
    id: "",
    toWire(subject) {
      if (subject.startsWith(OWN)) throw reason;
      return subject;
    },
    fromWire: (subject) => subject,
  };
}

const ID_DIGITS = 8;

/** The id of the connection's world, or why there is none: errors of needsJetStream. Creates the bucket where it is missing. */
export async function findWorldId(
  { connection, cluster }: { connection: NatsConnection; cluster?: ClusterView },
  copies: () => CopiesChoice,
): Promise<string | Error> {
  const { bucket, history } = stores.configs;
  try {
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const look = async () => (await manager.streams.info(`KV_${bucket}`)).created;
    // The connection may leave a server that sees a minority: it is no reason to give up at once.
    const { isCluster = false, most = 1 } = cluster ?? {};
    const beginWait = () => cluster?.beginWait() ?? (() => undefined);
    const patient = { isCluster, isStranded: false, here: most, most, beginWait };
    const created = await needsJetStream({ state: "connected", connection, cluster: patient }, () =>
      look().catch(async (error: unknown) => {
        if (!isStreamMissing(error)) throw error;
        await withCopies(copies(), (replicas) =>
          new Kvm(jetstream(connection)).create(bucket, { history, replicas }),
        );
        return look();
      }),
    );
    return createHash("sha256").update(created).digest("hex").slice(0, ID_DIGITS);
  } catch (error) {
    return error instanceof Error ? error : new Error(messageOf(error));
  }
}

/**
 * The messages that describe the objects of a store: found, written, deleted.
 *
 * I1  An entry belongs to a name by the name that it has in its JSON; its subject alone proves nothing, as the former
 *     subject of one name can be the present one of another.
 * I2  An entry under a name's present subject hides the one under its former subject.
 * I3  A write leaves nothing under the former subject.
 */
import type { ObjectInfo } from "@nats-io/obj";
import { headers as createMsgHeaders } from "@nats-io/transport-node";
import { needsJetStream } from "../needs-jetstream.ts";
import { publishSurely } from "../publish-surely.ts";
import { chunkSubject, formerInfoSubject, infoSubject } from "./object-names.ts";
import type { OpenStore } from "./open-store.ts";

/** An object as its message describes it. */
export type StoredInfo = Pick<ObjectInfo, "name" | "size" | "chunks" | "digest" | "mtime" | "nuid"> &
  Partial<Pick<ObjectInfo, "bucket" | "description" | "deleted" | "metadata" | "options">>;

/** An entry that is no object: it was deleted, or it points to an object elsewhere. */
export function isNoObject({ deleted, options }: StoredInfo): boolean {
  return deleted === true || options?.link !== undefined;
}

/** The object of a name; undefined where it is not there. */
export async function findObject(store: OpenStore, name: string): Promise<StoredInfo | undefined> {
  const { present, former } = await entriesAt(store, name);
  const info = present?.name === name ? present : former;
  return info === undefined || isNoObject(info) ? undefined : info;
}

/** Whether the entry that was found under a subject is the entry of the name. */
export async function isReachable(store: OpenStore, subject: string, name: string): Promise<boolean> {
  const present = infoSubject(store.bucket, name);
  if (subject === present) return true;
  if (subject !== formerInfoSubject(store.bucket, name)) return false;
  return (await entryAt(store, present))?.name !== name;
}

/** Puts the entry in force at once for all readers, and drops the chunks of the former one. */
export async function writeEntry(store: OpenStore, info: StoredInfo): Promise<void> {
  const { present, former } = await entriesAt(store, info.name);
  if (present !== undefined && present.name !== info.name) await moveFormer(store, present);
  await publishEntry(store, info);
  const before = present?.name === info.name ? present : former;
  // The new entry is in force: what stays of the one before costs room only.
  if (before?.nuid !== undefined) await purge(store, chunkSubject(store.bucket, before.nuid)).catch(() => 0);
  const formerSubject = formerInfoSubject(store.bucket, info.name);
  if (former !== undefined && formerSubject !== undefined) await purge(store, formerSubject);
}

export async function deleteObject(store: OpenStore, name: string): Promise<void> {
  const info = await findObject(store, name);
  if (info !== undefined) await writeEntry(store, { ...info, deleted: true, size: 0, chunks: 0, digest: "" });
}

export function purge({ manager, bucket }: OpenStore, filter: string): Promise<unknown> {
  return manager.streams.purge(`OBJ_${bucket}`, { filter });
}

/** The new entry is in force: leftovers of the former one only take room. */
async function entriesAt(
  store: OpenStore,
  name: string,
): Promise<{ present: StoredInfo | undefined; former: StoredInfo | undefined }> {
  const subject = formerInfoSubject(store.bucket, name);
  const [present, former] = await Promise.all([
    entryAt(store, infoSubject(store.bucket, name)),
    subject === undefined ? undefined : entryAt(store, subject),
  ]);
  return { present, former: former?.name === name ? former : undefined };
}

/** Moves an object from its former subject to its present one. */
async function moveFormer(store: OpenStore, info: StoredInfo): Promise<void> {
  if (isNoObject(info)) return;
  const { present } = await entriesAt(store, info.name);
  // A newer entry of the name hides this one (I2).
  if (present?.name === info.name) return;
  if (present !== undefined) await moveFormer(store, present);
  await publishEntry(store, info);
}

async function publishEntry({ nats, client, bucket }: OpenStore, info: StoredInfo): Promise<void> {
  const headers = () => {
    const fields = createMsgHeaders();
    fields.set("Nats-Rollup", "sub");
    return fields;
  };
  await publishSurely(nats, client, infoSubject(bucket, info.name), JSON.stringify(info), { headers });
}

async function entryAt(
  { nats, manager, bucket }: OpenStore,
  subject: string,
): Promise<StoredInfo | undefined> {
  // The stream's leader answers, so that the latest writes are seen.
  const query = { last_by_subj: subject };
  const message = await needsJetStream(nats, () => manager.streams.getMessage(`OBJ_${bucket}`, query));
  return message?.json<StoredInfo>();
}

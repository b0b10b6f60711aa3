/** The orders of an operator: each reads the directory, changes it with the root's key, and writes it by compare-and-set. */
import { type Directory, type Enrolment, NarunError } from "../contracts/index.ts";
import type { Nats } from "../nats/index.ts";
import { dismiss, enrol, grant, type RootKeys, renewDirectory, revoke, rotate } from "./changes.ts";
import { openNewest, readDirectory, type SignedDirectory, signDirectory } from "./directory.ts";
import { fingerprintOf, generatePair, publicHalf } from "./jose.ts";
import { createKeyFile, fileNameOf, type KeyFile, type KeyFolder, readKeyFile } from "./key-file.ts";
import { openKeyStore } from "./store.ts";

export interface KeyPlace {
  nats: Nats;
  folder: KeyFolder;
}

export interface NewKey {
  identity: string;
  /** The fingerprint of its public key. */
  fingerprint: string;
  network: string;
  file: string;
}

/** Makes a network: its root, the first directory, and the key of this machine's node. Errors: KEY_FILE_EXISTS, DIRECTORY_EXISTS, DIRECTORY_CHANGED. */
export async function initKeys(
  { nats, folder }: KeyPlace,
  { node, validMs }: { node: string; validMs: number | undefined },
): Promise<{ network: string; rootFile: string; node: NewKey }> {
  const store = await openKeyStore(nats);
  const present = await store.read();
  if (present !== undefined) throw new NarunError("DIRECTORY_EXISTS");
  const [signing, sealing] = [await generatePair("Ed25519"), await generatePair("X25519")];
  const network = await fingerprintOf(signing);
  const rootFile = await createKeyFile(folder, { format: 1, of: "root", network, signing, sealing });
  const first = await makeKey(folder, `node:${node}`, network);
  const empty: Directory = {
    ...{ format: 1, network, version: 0, signedAt: Date.now(), root: publicHalf(sealing) },
    ...{ identities: {}, labels: {}, ...(validMs === undefined ? {} : { validMs }) },
  };
  const root = { signing, sealing };
  const directory = await enrol(empty, root, { identity: first.made.identity, ...first.enrolled });
  await publish({ nats, folder }, root, directory, undefined);
  return { network, rootFile, node: first.made };
}

/** Makes the key of a node or user here, and asks for its enrolment. `network`: default that of the root whose file is here. */
export async function newKey(
  { nats, folder }: KeyPlace,
  { identity, network }: { identity: string; network: string | undefined },
): Promise<NewKey> {
  const known = network ?? (await readKeyFile(folder, "root.json"))?.network;
  if (known === undefined)
    throw new NarunError("KEYS_MISSING", {
      detail: "name the network by --network, as `narun keys ls` shows it",
    });
  const { made, enrolled } = await makeKey(folder, identity, known);
  const store = await openKeyStore(nats);
  await store.ask({ identity, ...enrolled, askedAt: new Date().toISOString() });
  return made;
}

async function makeKey(folder: KeyFolder, identity: string, network: string) {
  const sealing = await generatePair("X25519");
  const file = await createKeyFile(folder, { format: 1, of: identity, network, sealing } as KeyFile);
  const kid = await fingerprintOf(sealing);
  return { made: { identity, fingerprint: kid, network, file }, enrolled: { kid, key: publicHalf(sealing) } };
}

/** The keys that ask to be enrolled. A request is worth nothing by itself: anybody may write one. */
export async function askedKeys({ nats }: Pick<KeyPlace, "nats">): Promise<Enrolment[]> {
  return (await openKeyStore(nats)).asked();
}

/**
 * Enrols a key that asks for it, where its fingerprint is the expected one. `services`: the services that a node may run, by default all.
 * Errors: IDENTITY_UNKNOWN, FINGERPRINT_WRONG.
 */
export async function enrolKey(
  place: KeyPlace,
  {
    identity,
    fingerprint,
    services,
  }: { identity: string; fingerprint: string; services?: readonly string[] },
): Promise<Directory> {
  const store = await openKeyStore(place.nats);
  const asked = (await store.asked()).filter((one) => one.identity === identity);
  if (asked.length === 0) throw new NarunError("IDENTITY_UNKNOWN", { detail: `${identity} has not asked` });
  const found = asked.find(({ kid }) => kid === fingerprint);
  // The bucket is not trusted: the fingerprint is of the key itself.
  const kid = found && (await fingerprintOf(found.key));
  if (found === undefined || kid !== fingerprint)
    throw new NarunError("FINGERPRINT_WRONG", {
      detail: `${identity} asked with ${asked.map((one) => one.kid).join(", ")}`,
    });
  const enrolled = { kid, key: found.key, ...(services === undefined ? {} : { services: [...services] }) };
  const directory = await change(place, (from, root) => enrol(from, root, { identity, ...enrolled }));
  await store.answered(found.kid);
  return directory;
}

/** Removes a node or user. Every label that it could read gets a new key. Error: IDENTITY_UNKNOWN. */
export const dismissKey = (place: KeyPlace, identity: string): Promise<Directory> =>
  change(place, (from, root) => dismiss(from, root, identity));

/** Errors: RECIPIENT_WITHOUT_KEY. */
export const grantLabel = (place: KeyPlace, order: Parameters<typeof grant>[2]): Promise<Directory> =>
  change(place, (from, root) => grant(from, root, order));

/** Errors: LABEL_UNKNOWN, LABEL_NOT_GRANTED. */
export const revokeLabel = (place: KeyPlace, order: Parameters<typeof revoke>[2]): Promise<Directory> =>
  change(place, (from, root) => revoke(from, root, order));

/** Error: LABEL_UNKNOWN. */
export const rotateLabel = (place: KeyPlace, label: string): Promise<Directory> =>
  change(place, (from, root) => rotate(from, root, label));

/** Signs the directory anew. `validMs`: how long nothing newer is needed; default: for ever. */
export const renewKeys = (place: KeyPlace, validMs: number | undefined): Promise<Directory> =>
  change(place, async (from) => renewDirectory(from, validMs));

/** Puts the newest directory that this folder has seen back, over a forged or an older one. Error: DIRECTORY_MISSING. */
export async function restoreKeys({ nats, folder }: KeyPlace): Promise<Directory> {
  const { network } = await readRoot(folder);
  const { current } = await openNewest(folder.path, network);
  if (current === undefined)
    throw new NarunError("DIRECTORY_MISSING", { detail: "this folder has seen none" });
  const store = await openKeyStore(nats);
  await store.write(current.text, (await store.read())?.revision);
  return current.directory;
}

/** The directory, verified by the root or any identity whose key file is in the folder. */
export async function readKeys({ nats, folder }: KeyPlace): Promise<SignedDirectory> {
  return (await readCurrent({ nats, folder }, await networkOf(folder))).signed;
}

async function networkOf(folder: KeyFolder): Promise<string> {
  for (const owner of ["root", "node:"]) {
    const file = await readKeyFile(folder, fileNameOf(owner));
    if (file !== undefined) return file.network;
  }
  throw new NarunError("KEYS_MISSING", { detail: `${folder.path} has neither root.json nor node.json` });
}

async function readRoot(folder: KeyFolder): Promise<RootKeys & { network: string }> {
  const file = await readKeyFile(folder, "root.json");
  if (file?.signing === undefined)
    throw new NarunError("KEYS_MISSING", {
      detail: `${folder.path}/root.json, the root's key, is needed for it`,
    });
  return { network: file.network, signing: file.signing, sealing: file.sealing };
}

async function readCurrent({ nats, folder }: KeyPlace, network: string) {
  const store = await openKeyStore(nats);
  const found = await store.read();
  if (found === undefined) throw new NarunError("DIRECTORY_MISSING");
  const newest = await openNewest(folder.path, network);
  return { signed: await newest.take(await readDirectory(found.text, network)), revision: found.revision };
}

async function change(
  place: KeyPlace,
  work: (directory: Directory, root: RootKeys) => Promise<Directory>,
): Promise<Directory> {
  const root = await readRoot(place.folder);
  const { signed, revision } = await readCurrent(place, root.network);
  const next = await work(signed.directory, root);
  await publish(place, root, next, revision);
  return next;
}

/** Writes first: a version that was not written is not to be seen. */
async function publish(
  { nats, folder }: KeyPlace,
  root: RootKeys,
  directory: Directory,
  revision: number | undefined,
): Promise<void> {
  const signed = await signDirectory(root.signing, directory);
  const store = await openKeyStore(nats);
  await store.write(signed.text, revision);
  await (await openNewest(folder.path, directory.network)).take(signed);
}

/**
 * The changes of a directory, each as a new directory of the next version. Only the holder of the root's key file makes them: it opens
 * every label's keys, to seal them for further holders.
 *
 * I1  Who is removed from a label keeps the keys that it had, and gets no later one.
 * I2  Who is added gets the current key, and older ones only where that is asked for. Another node of a service that is a recipient
 *     already gets all that the service has.
 */
import {
  type Directory,
  type Enrolled,
  type LabelEntry,
  type LabelEntryKey,
  NarunError,
  nearest,
} from "../contracts/index.ts";
import { fingerprintOf, type PrivateKey } from "./jose.ts";
import { generateLabelKey, type LabelKey, unwrapLabelKey, wrapLabelKey } from "./label-keys.ts";

export interface RootKeys {
  signing: PrivateKey;
  sealing: PrivateKey;
}

interface Holder {
  kid: string;
  key: Directory["root"];
}

/** Adds an identity, or gives it another key. Labels of its services are opened to it. */
export async function enrol(
  directory: Directory,
  root: RootKeys,
  { identity, ...enrolled }: Enrolled & { identity: string },
): Promise<Directory> {
  const next = nextOf(directory, { identities: { ...directory.identities, [identity]: enrolled } });
  const labels: Directory["labels"] = {};
  for (const [label, entry] of Object.entries(directory.labels)) {
    const had = (key: LabelEntryKey) =>
      key.for.some((one) => holdersOf(next, one).some(({ kid }) => kid === enrolled.kid));
    labels[label] = await openTo(root, label, entry, [enrolled], had);
  }
  return { ...next, labels };
}

/** Removes an identity. Each label that it could read gets a new key. */
export async function dismiss(directory: Directory, root: RootKeys, identity: string): Promise<Directory> {
  const { [identity]: gone, ...identities } = directory.identities;
  if (gone === undefined) throw unknownIdentity(directory, identity);
  const next = nextOf(directory, { identities });
  const labels: Directory["labels"] = {};
  for (const [label, entry] of Object.entries(directory.labels)) {
    const recipients = entry.recipients.filter((one) => one !== identity);
    const current = entry.keys.find(({ kid }) => kid === entry.current);
    const couldRead = current !== undefined && isHeldBy(current, gone.kid);
    labels[label] = couldRead
      ? await renew(next, root, label, { ...entry, recipients })
      : { ...entry, recipients };
  }
  return { ...next, labels };
}

/** Gives a label to a recipient, and makes the label where there is none. Errors: RECIPIENT_WITHOUT_KEY. */
export async function grant(
  directory: Directory,
  root: RootKeys,
  { label, recipient, withHistory = false }: { label: string; recipient: string; withHistory?: boolean },
): Promise<Directory> {
  const holders = holdersOf(directory, recipient);
  if (holders.length === 0) throw withoutKey(label, recipient);
  const next = nextOf(directory, {});
  const entry = directory.labels[label];
  if (entry === undefined) {
    const created = { recipients: [recipient], current: "", keys: [] };
    return { ...next, labels: { ...directory.labels, [label]: await renew(next, root, label, created) } };
  }
  const recipients = [...new Set([...entry.recipients, recipient])];
  const isChosen = ({ kid }: LabelEntryKey) => withHistory || kid === entry.current;
  const keys = entry.keys.map((key) =>
    isChosen(key) ? { ...key, for: [...new Set([...key.for, recipient])] } : key,
  );
  const named = { ...entry, recipients, keys: keys as LabelEntry["keys"] };
  const opened = await openTo(root, label, named, holders, isChosen);
  return { ...next, labels: { ...directory.labels, [label]: opened } };
}

/** Takes a label from a recipient: new data is sealed under a new key. Errors: LABEL_UNKNOWN, LABEL_NOT_GRANTED. */
export async function revoke(
  directory: Directory,
  root: RootKeys,
  { label, recipient }: { label: string; recipient: string },
): Promise<Directory> {
  const entry = findLabel(directory, label);
  if (!entry.recipients.includes(recipient))
    throw new NarunError("LABEL_NOT_GRANTED", {
      detail: `${label} has ${entry.recipients.join(", ") || "none"}`,
    });
  const next = nextOf(directory, {});
  const recipients = entry.recipients.filter((one) => one !== recipient);
  const renewed = await renew(next, root, label, { ...entry, recipients });
  return { ...next, labels: { ...directory.labels, [label]: renewed } };
}

/** A new key for new data. The old ones open old data. Error: LABEL_UNKNOWN. */
export async function rotate(directory: Directory, root: RootKeys, label: string): Promise<Directory> {
  const next = nextOf(directory, {});
  const renewed = await renew(next, root, label, findLabel(directory, label));
  return { ...next, labels: { ...directory.labels, [label]: renewed } };
}

/** The same directory, signed anew. */
export function renewDirectory(directory: Directory, validMs: number | undefined): Directory {
  const { validMs: _, ...rest } = nextOf(directory, {});
  return { ...rest, ...(validMs === undefined ? {} : { validMs }) };
}

/** Error: LABEL_UNKNOWN. */
export function findLabel({ labels }: Directory, label: string): LabelEntry {
  const entry = Object.hasOwn(labels, label) ? labels[label] : undefined;
  if (entry !== undefined) return entry;
  const meant = nearest(label, Object.keys(labels));
  const advice = meant === undefined ? "" : `; did you mean "${meant}"?`;
  throw new NarunError("LABEL_UNKNOWN", { detail: `${JSON.stringify(label)}${advice}`, label });
}

/** The keys of a recipient. A service has the keys of the nodes that may run it. */
export function holdersOf({ identities }: Directory, recipient: string): Holder[] {
  const [kind, name = ""] = split(recipient);
  if (kind === "user") {
    const user = identities[recipient];
    return user === undefined ? [] : [user];
  }
  return Object.entries(identities).flatMap(([identity, enrolled]) =>
    identity.startsWith("node:") && (enrolled.services?.includes(name) ?? true) ? [enrolled] : [],
  );
}

function unknownIdentity({ identities }: Directory, identity: string): NarunError {
  const meant = nearest(identity, Object.keys(identities));
  const advice = meant === undefined ? "" : `; did you mean "${meant}"?`;
  return new NarunError("IDENTITY_UNKNOWN", { detail: `${identity}${advice}` });
}

export function withoutKey(label: string, recipient: string): NarunError {
  const detail = isService(recipient)
    ? `${label}: no node is enrolled that may run ${recipient}`
    : `${label}: ${recipient} is not enrolled`;
  return new NarunError("RECIPIENT_WITHOUT_KEY", { detail, label, recipient });
}

function split(recipient: string): [kind: string, name: string] {
  const at = recipient.indexOf(":");
  return [recipient.slice(0, at), recipient.slice(at + 1)];
}

const isService = (recipient: string) => recipient.startsWith("service:");
const isHeldBy = ({ sealed }: LabelEntryKey, kid: string) =>
  sealed.some(({ recipients }) => recipients.some(({ header }) => header.kid === kid));

function nextOf(directory: Directory, change: Partial<Directory>): Directory {
  return { ...directory, ...change, version: directory.version + 1, signedAt: Date.now() };
}

/** A new current key, for all recipients of the entry. */
async function renew(
  directory: Directory,
  root: RootKeys,
  label: string,
  entry: Omit<LabelEntry, "keys"> & { keys: readonly LabelEntryKey[] },
): Promise<LabelEntry> {
  const key = generateLabelKey(label);
  const holders = [await rootHolder(root), ...entry.recipients.flatMap((one) => holdersOf(directory, one))];
  const sealed = await wrapLabelKey(key, distinct(holders));
  const { recipients } = entry;
  const added: LabelEntryKey = { kid: key.kid, since: directory.version, for: recipients, sealed: [sealed] };
  return {
    recipients: entry.recipients,
    current: key.kid,
    keys: [...entry.keys, added] as LabelEntry["keys"],
  };
}

/** Seals the chosen keys of a label for further holders too. */
async function openTo(
  root: RootKeys,
  label: string,
  entry: LabelEntry,
  holders: readonly Holder[],
  isChosen: (key: LabelEntryKey) => boolean,
): Promise<LabelEntry> {
  const keys: LabelEntryKey[] = [];
  for (const key of entry.keys) {
    const missing = holders.filter(({ kid }) => !isHeldBy(key, kid));
    if (missing.length === 0 || !isChosen(key)) keys.push(key);
    else {
      const more = await wrapLabelKey(await openAsRoot(root, label, key), missing);
      keys.push({ ...key, sealed: [...key.sealed, more] });
    }
  }
  return { ...entry, keys: keys as LabelEntry["keys"] };
}

async function openAsRoot(root: RootKeys, label: string, key: LabelEntryKey): Promise<LabelKey> {
  const opened = await unwrapLabelKey(root.sealing, await fingerprintOf(root.sealing), label, key);
  if (opened === undefined)
    throw new NarunError("SEAL_KEY_UNKNOWN", { detail: `${key.kid}: not sealed for the root` });
  return opened;
}

async function rootHolder({ sealing: { x } }: RootKeys): Promise<Holder> {
  const key = { kty: "OKP", crv: "X25519", x } as const;
  return { kid: await fingerprintOf(key), key };
}

function distinct(holders: readonly Holder[]): Holder[] {
  return [...new Map(holders.map((holder) => [holder.kid, holder])).values()];
}

import { type Directory, type LabelEntryKey, NarunError, type SealPlace } from "../contracts/index.ts";
import { openFor, type PrivateKey, sealFor } from "./jose.ts";
import { digestOfPlace, PLACE } from "./place.ts";

/** A key of a label, as its readers hold it. */
export interface LabelKey {
  label: string;
  kid: string;
  /** 32 bytes. */
  bytes: Uint8Array<ArrayBuffer>;
}

type Sealed = LabelEntryKey["sealed"][number];

/** Seals a label's key for the holders of these keys. */
export async function wrapLabelKey(
  { label, kid, bytes }: LabelKey,
  holders: readonly { kid: string; key: Directory["root"] }[],
): Promise<Sealed> {
  return (await sealFor(holders, bytes, fieldsOf(label, kid))) as Sealed;
}

/** Undefined where the key is not sealed for this holder. Error: SEAL_BROKEN. */
export async function unwrapLabelKey(
  holder: PrivateKey,
  holderId: string,
  label: string,
  { kid, sealed }: LabelEntryKey,
): Promise<LabelKey | undefined> {
  const own = sealed.find(({ recipients }) => recipients.some(({ header }) => header.kid === holderId));
  if (own === undefined) return undefined;
  const opened = await openFor(holder, own as Parameters<typeof openFor>[1]).catch(() => undefined);
  const isOurs = opened?.fields[PLACE] === digestOfPlace(placeOf(label, kid));
  if (opened === undefined || !isOurs || opened.bytes.byteLength !== KEY_BYTES)
    throw new NarunError("SEAL_BROKEN", { detail: `the key ${kid} in the directory`, label });
  return { label, kid, bytes: new Uint8Array(opened.bytes) };
}

const KEY_BYTES = 32;

/** A new key of a label. Its id names the label, for people who meet it. */
export function generateLabelKey(label: string): LabelKey {
  const id = Buffer.from(crypto.getRandomValues(new Uint8Array(9))).toString("base64url");
  return { label, kid: `${label}.${id}`, bytes: crypto.getRandomValues(new Uint8Array(KEY_BYTES)) };
}

/** The label of a key id. */
export function labelOfKeyId(kid: string): string {
  return kid.slice(0, kid.lastIndexOf("."));
}

const placeOf = (label: string, kid: string): SealPlace => ["wrap", label, kid];
const fieldsOf = (label: string, kid: string) => ({ [PLACE]: digestOfPlace(placeOf(label, kid)) });

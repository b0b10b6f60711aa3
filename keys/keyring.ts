/**
 * The labels' keys that one holder has: opened out of the directory with its private key.
 *
 * I1  A recipient seals where it has the label by the newest directory. It opens values under every key that it ever had.
 * I2  A label without recipients, or with a recipient without key, seals nothing.
 */
import { type Directory, NarunError } from "../contracts/index.ts";
import { findLabel, holdersOf, withoutKey } from "./changes.ts";
import { refuseExpired } from "./directory.ts";
import { fingerprintOf, type PrivateKey } from "./jose.ts";
import { type LabelKey, labelOfKeyId, unwrapLabelKey } from "./label-keys.ts";

export interface Keyring {
  /** The key under which a recipient seals for a label. Errors: see `useOf`, DIRECTORY_EXPIRED, SEAL_KEY_UNKNOWN. */
  current(recipient: string, label: string): Promise<LabelKey>;
  /** A key by its id, for a recipient that opens. Errors: LABEL_UNKNOWN, SEAL_KEY_UNKNOWN. */
  byId(recipient: string, kid: string): Promise<LabelKey>;
}

export interface KeyringParts {
  holder: PrivateKey;
  /** The newest directory. */
  directory(): Promise<Directory>;
  nowMs?: () => number;
}

export function createKeyring({ holder, directory, nowMs = Date.now }: KeyringParts): Keyring {
  const opened = new Map<string, Promise<LabelKey | undefined>>();
  const holderId = fingerprintOf(holder);

  const open = async (from: Directory, label: string, kid: string): Promise<LabelKey> => {
    const entry = findLabel(from, label).keys.find((one) => one.kid === kid);
    if (entry === undefined)
      throw new NarunError("SEAL_KEY_UNKNOWN", { detail: `${label} has no key ${kid}` });
    const id = await holderId;
    // A holder that was added later finds its key in another part of the same entry.
    const place = `${kid} ${entry.sealed.length}`;
    const opening = opened.get(place) ?? unwrapLabelKey(holder, id, label, entry);
    opened.set(place, opening);
    const key = await opening.catch((error: unknown) => {
      opened.delete(place);
      throw error;
    });
    if (key === undefined)
      throw new NarunError("SEAL_KEY_UNKNOWN", { detail: `${kid} is not sealed for this holder` });
    return key;
  };

  return {
    async current(recipient, label) {
      const from = await directory();
      refuseExpired(from, nowMs());
      requireUse(from, recipient, label);
      return open(from, label, findLabel(from, label).current);
    },
    async byId(recipient, kid) {
      const from = await directory();
      const label = labelOfKeyId(kid);
      const entry = findLabel(from, label).keys.find((one) => one.kid === kid);
      if (entry?.for.includes(recipient) === false)
        throw new NarunError("SEAL_KEY_UNKNOWN", { detail: `${kid} is for ${entry.for.join(", ")}` });
      return open(from, label, kid);
    },
  };
}

/** Errors: LABEL_UNKNOWN, LABEL_WITHOUT_RECIPIENTS, LABEL_NOT_GRANTED, RECIPIENT_WITHOUT_KEY. */
function requireUse(directory: Directory, recipient: string, label: string): void {
  requireGrant(directory, recipient, label);
  const { recipients } = findLabel(directory, label);
  const lacking = recipients.find((one) => holdersOf(directory, one).length === 0);
  if (lacking !== undefined) throw withoutKey(label, lacking);
}

function requireGrant(directory: Directory, recipient: string, label: string): void {
  const { recipients } = findLabel(directory, label);
  if (recipients.length === 0) throw new NarunError("LABEL_WITHOUT_RECIPIENTS", { detail: label, label });
  if (recipients.includes(recipient)) return;
  const detail = `${label} is for ${recipients.join(", ")}, and not for ${recipient}`;
  throw new NarunError("LABEL_NOT_GRANTED", { detail, label, recipient });
}

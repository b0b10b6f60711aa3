import { isNarunError, NarunError, type StoredSecret } from "../contracts/index.ts";
import { type Nats, openSecrets, type SecretsKey, type TypedKv } from "../nats/index.ts";

export interface Rotation {
  /** The key that the secrets have now. */
  from: SecretsKey;
  /** The key that they get. */
  to: SecretsKey;
}

export interface RotationResult {
  /** The names of the secrets that were encrypted anew. */
  rotated: string[];
  /** The names of the secrets that had the new key already. */
  done: string[];
}

/**
 * Encrypts all secrets under another master key. Each is written by a compare-and-set, so that a secret that is set at the
 * same moment is not lost. It may be repeated after an interruption: secrets that have the new key are passed over. Error:
 * SECRET_UNREADABLE, with the names, where neither key opens a secret; nothing is written then.
 */
export async function rotateSecretsKey(nats: Nats, rotation: Rotation): Promise<RotationResult> {
  const secrets = await openSecrets(nats);
  const names = (await secrets.list()).map(({ key }) => key).sort();
  await checkAll(secrets, names, rotation);
  const result: RotationResult = { rotated: [], done: [] };
  for (const name of names) {
    const outcome = await rotateOne(secrets, name, rotation);
    if (outcome !== "gone") result[outcome].push(name);
  }
  return result;
}

async function checkAll(
  secrets: TypedKv<StoredSecret>,
  names: readonly string[],
  rotation: Rotation,
): Promise<void> {
  const unreadable: string[] = [];
  for (const name of names) {
    const read = await secrets.get(name);
    if (read !== undefined && (!read.ok || openWith(read.value, rotation) === undefined))
      unreadable.push(name);
  }
  if (unreadable.length === 0) return;
  throw new NarunError("SECRET_UNREADABLE", {
    detail: `neither the old nor the new key opens ${unreadable.join(", ")}; nothing was changed`,
  });
}

async function rotateOne(
  secrets: TypedKv<StoredSecret>,
  name: string,
  rotation: Rotation,
): Promise<"rotated" | "done" | "gone"> {
  for (;;) {
    const read = await secrets.get(name);
    if (read === undefined) return "gone";
    const opened = read.ok ? openWith(read.value, rotation) : undefined;
    if (!read.ok || opened === undefined)
      throw new NarunError("SECRET_UNREADABLE", { detail: `${name} was set under a third key meanwhile` });
    if (opened.by === "to") return "done";
    // `updated_at` stays: the value is the same.
    const sealed = { ...read.value, ...rotation.to.seal(name, opened.value) };
    if ((await secrets.update(name, sealed, read.revision)) !== undefined) return "rotated";
  }
}

function openWith(stored: StoredSecret, keys: Rotation): { by: keyof Rotation; value: string } | undefined {
  for (const by of ["to", "from"] as const) {
    try {
      return { by, value: keys[by].open(stored.name, stored) };
    } catch (error) {
      if (!isNarunError(error, "SECRET_UNREADABLE")) throw error;
    }
  }
  return undefined;
}

import { existsSync, readFileSync } from "node:fs";
import { link, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { isNarunError, messageOf } from "../contracts/index.ts";
import { errnoOf, makeOwnFolder, temporaryOf, unusableFolder } from "../machine/index.ts";
import { generateSecretsKey, parseSecretsKey, type SecretsKey, splitSecretsKeys } from "../nats/index.ts";
import type { SecretsKeySource } from "./options/storage.ts";
import { wrongUse } from "./options/values.ts";

/** The file of the master key in the data folder of `narun up`. */
export const SECRETS_KEY_FILE = "secrets.key";

/**
 * The master key of secrets: out of its option, else out of the file where `narun up` keeps it. The file must be readable
 * by its owner only. Undefined where there is no key. Error: USAGE.
 */
export async function resolveSecretsKey(
  source: SecretsKeySource | undefined,
  fallbackFile?: string,
): Promise<SecretsKey | undefined> {
  if (source === undefined) return fallbackFile === undefined ? undefined : readKeyFile(fallbackFile);
  if ("text" in source) return requireKey(source.text, source.variable);
  const key = await readKeyFile(source.file);
  // The name is not shown: it may be the key itself, given where a file belongs.
  if (key === undefined) throw wrongUse("--secrets-key: the file is not there");
  return key;
}

/**
 * The master key for a process that lives long: a key file is read again when it opens a secret no more, as after
 * `narun secret rotate-key`.
 */
export async function followSecretsKey(
  source: SecretsKeySource | undefined,
): Promise<SecretsKey | undefined> {
  let current = await resolveSecretsKey(source);
  if (current === undefined || source === undefined || !("file" in source)) return current;
  const first = current;
  const reread = () => {
    try {
      current = parseSecretsKey(readFileSync(source.file, "utf8")) ?? current;
    } catch {
      // The former key stays, and with it the error that it gave.
    }
    return current ?? first;
  };
  return {
    seal: (name, value) => (current ?? first).seal(name, value),
    open(name, stored) {
      try {
        return (current ?? first).open(name, stored);
      } catch (error) {
        if (!isNarunError(error, "SECRET_UNREADABLE")) throw error;
        return reread().open(name, stored);
      }
    },
  };
}

/** The texts of the keys in a key file, the newest first. Error: USAGE, where others can read it. */
export async function readKeyTexts(file: string): Promise<string[] | undefined> {
  return (await readKeyFile(file)) === undefined ? undefined : splitSecretsKeys(await readFile(file, "utf8"));
}

/** Puts keys into a key file, the newest first. Readers see all of the former content or all of the new. */
export async function writeKeyTexts(file: string, keys: readonly string[]): Promise<void> {
  const partial = `${file}.${process.pid}`;
  const handle = await open(partial, "w", 0o600);
  try {
    await handle.chmod(0o600);
    await handle.writeFile(`${keys.join("\n")}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(partial, file);
}

/** Makes a key file unless it exists. It appears whole, or not at all. Error: FOLDER_UNUSABLE. */
export async function ensureSecretsKeyFile(file: string): Promise<void> {
  await makeOwnFolder(dirname(file));
  if (existsSync(file)) return;
  const partial = temporaryOf(file);
  try {
    await writeFile(partial, `${generateSecretsKey()}\n`, { mode: 0o600, flush: true });
    // A link where none was: one of two processes that start at the same moment makes the file.
    await link(partial, file);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw unusableFolder(dirname(file), error);
  } finally {
    await rm(partial, { force: true });
  }
}

async function readKeyFile(file: string): Promise<SecretsKey | undefined> {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw wrongUse(`the secrets' key cannot be read: ${messageOf(error)}`);
  });
  if (handle === undefined) return undefined;
  try {
    const { mode } = await handle.stat();
    if ((mode & 0o077) !== 0) throw wrongUse(`${file} can be read by others; \`chmod 600 ${file}\``);
    return requireKey(
      await readFile(handle, "utf8"),
      file,
      ": restore it from a backup; without one, delete it and set every secret again",
    );
  } finally {
    await handle.close();
  }
}

function requireKey(text: string, place: string, advice = ""): SecretsKey {
  const key = parseSecretsKey(text);
  if (key === undefined) throw wrongUse(`${place} is not 32 bytes in base64${advice}`);
  return key;
}

import { open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf } from "../contracts/index.ts";
import { makeOwnFolder } from "../machine/index.ts";
import { generateSecretsKey, parseSecretsKey, type SecretsKey } from "../nats/index.ts";
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

/** Makes a key file unless it exists. */
export async function ensureSecretsKeyFile(file: string): Promise<void> {
  await makeOwnFolder(dirname(file));
  try {
    // Exclusive: one of two processes that start at the same moment makes the file.
    const handle = await open(file, "wx", 0o600);
    await handle.writeFile(`${generateSecretsKey()}\n`).finally(() => handle.close());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
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
    return requireKey(await readFile(handle, "utf8"), file);
  } finally {
    await handle.close();
  }
}

function requireKey(text: string, place: string): SecretsKey {
  const key = parseSecretsKey(text);
  if (key === undefined) throw wrongUse(`${place} is not 32 bytes in base64`);
  return key;
}

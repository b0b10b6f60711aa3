import { open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf, NarunError } from "../contracts/index.ts";
import { makeOwnFolder } from "../machine/index.ts";
import { generateSecretsKey, parseSecretsKey, type SecretsKey } from "../nats/index.ts";

/** Where `narun up` keeps its master key, below its data folder. */
export const SECRETS_KEY_FILE = "secrets.key";

type Environment = Readonly<Record<string, string | undefined>>;

/** The original toolkit has the second one. */
const VARIABLES = ["NARUN_SECRETS_KEY", "NARUN_MASTER_KEY"];

/** The variable that has the key, where one does. */
export function secretsKeyVariable(environment: Environment = process.env): string | undefined {
  return VARIABLES.find((variable) => (environment[variable] ?? "") !== "");
}

/**
 * The master key of secrets: of the file that was named, else of the environment, else of the file where `narun up` keeps
 * it. A file must be its owner's alone. Undefined where there is no key. Error: USAGE.
 */
export async function resolveSecretsKey(
  { file, fallbackFile }: { file?: string | undefined; fallbackFile?: string },
  environment: Environment = process.env,
): Promise<SecretsKey | undefined> {
  if (file !== undefined) {
    const key = await readKeyFile(file);
    if (key === undefined) throw new NarunError("USAGE", { detail: `--secrets-key: ${file} is not there` });
    return key;
  }
  const variable = secretsKeyVariable(environment);
  if (variable !== undefined) return requireKey(environment[variable] ?? "", variable);
  return fallbackFile === undefined ? undefined : readKeyFile(fallbackFile);
}

/** Makes a key file where there is none. */
export async function ensureSecretsKeyFile(file: string): Promise<void> {
  await makeOwnFolder(dirname(file));
  try {
    // Exclusive: of two that begin at the same moment one makes it.
    const handle = await open(file, "wx", 0o600);
    await handle.writeFile(`${generateSecretsKey()}\n`).finally(() => handle.close());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

async function readKeyFile(file: string): Promise<SecretsKey | undefined> {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new NarunError("USAGE", { detail: `the secrets' key cannot be read: ${messageOf(error)}` });
  });
  if (handle === undefined) return undefined;
  try {
    const { mode } = await handle.stat();
    if ((mode & 0o077) !== 0) {
      throw new NarunError("USAGE", { detail: `${file} can be read by others; \`chmod 600 ${file}\`` });
    }
    return requireKey(await readFile(handle, "utf8"), file);
  } finally {
    await handle.close();
  }
}

function requireKey(text: string, place: string): SecretsKey {
  const key = parseSecretsKey(text);
  if (key === undefined) throw new NarunError("USAGE", { detail: `${place} is not 32 bytes in base64` });
  return key;
}

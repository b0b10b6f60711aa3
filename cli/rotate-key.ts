/**
 * A new master key in the file of the old one.
 *
 * I1  The file has both keys, the new one first, before a secret is encrypted anew: nodes that read it open all secrets.
 * I2  The old key leaves the file when no secret needs it any more. A command that was interrupted goes on from there.
 */
import { join } from "node:path";
import { NarunError } from "../contracts/index.ts";
import { rotateSecretsKey } from "../control/index.ts";
import { generateSecretsKey, type Nats, parseSecretsKey, type SecretsKey } from "../nats/index.ts";
import type { SecretsKeySource } from "./options/storage.ts";
import { wrongUse } from "./options/values.ts";
import type { Output } from "./output/output.ts";
import { readKeyTexts, SECRETS_KEY_FILE, writeKeyTexts } from "./secrets-key.ts";

export interface KeyPlace {
  dataDir: string;
  secretsKey: SecretsKeySource | undefined;
}

/** Changes the key in its file, and encrypts all secrets under it. Errors: SECRETS_KEY_MISSING, SECRET_UNREADABLE, USAGE. */
export async function rotateKey(
  connect: () => Promise<Nats>,
  output: Output,
  place: KeyPlace,
): Promise<void> {
  const file = fileOf(place);
  const before = await readKeyTexts(file);
  if (before === undefined) throw new NarunError("SECRETS_KEY_MISSING", { detail: `${file} is not there` });
  const nats = await connect();
  // Two keys: an earlier command was interrupted.
  const keys = before.length > 1 ? before : [generateSecretsKey(), ...before];
  await writeKeyTexts(file, keys);
  const [newest = ""] = keys;
  const result = await rotateSecretsKey(nats, { from: requireKey(keys.join(" ")), to: requireKey(newest) });
  await writeKeyTexts(file, [newest]);
  const count = result.rotated.length + result.done.length;
  if (output.isJson) return output.json({ rotated: count });
  output.line(`${count} ${count === 1 ? "secret is" : "secrets are"} encrypted under a new key`);
  output.note(
    `The new key is in ${file}. Nodes with a copy of it need the new one for their next start of a function.`,
  );
}

function fileOf({ dataDir, secretsKey }: KeyPlace): string {
  if (secretsKey === undefined) return join(dataDir, SECRETS_KEY_FILE);
  if ("file" in secretsKey) return secretsKey.file;
  throw wrongUse(
    `${secretsKey.variable} has the key itself, which a command cannot change; name a file by --secrets-key`,
  );
}

function requireKey(text: string): SecretsKey {
  const key = parseSecretsKey(text);
  if (key === undefined) throw wrongUse("the key file has no key of 32 bytes in base64");
  return key;
}

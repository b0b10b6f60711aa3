import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { NarunError, SecretNameSchema } from "../../contracts/index.ts";
import { listSecrets, removeSecret, setSecret } from "../../control/index.ts";
import type { Nats } from "../../nats/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { asText, value } from "../options/option.ts";
import { dataDir, type SecretsKeySource, secretsKey } from "../options/storage.ts";
import { oneOf, wrongUse } from "../options/values.ts";
import { formatAge } from "../output/format-time.ts";
import type { Output } from "../output/output.ts";
import { rotateKey } from "../rotate-key.ts";
import { resolveSecretsKey, SECRETS_KEY_FILE } from "../secrets-key.ts";

/** `list` and `delete` are the original toolkit's words. */
const ACTIONS = ["set", "ls", "rm", "rotate-key", "list", "delete"] as const;

const description = value({ flag: "--description <text>", help: "the purpose of the secret", parse: asText });

export const secretCommand = defineCommand({
  usage: "secret <action> [name]",
  says: "set (value from stdin), ls or rm the secrets of functions; rotate-key",
  options: { dataDir, secretsKey, description },
  examples: [
    ["narun secret set api-key < key.txt", "one line feed at the end is no part of the value"],
    ["narun secret ls", "names, never values"],
    ["narun secret rotate-key", "a new key in the file of the old one; all secrets are encrypted anew"],
  ],
  async run(args, { options, output, connect }) {
    const action = oneOf(ACTIONS)({ text: args.action, source: { kind: "flag", name: "narun secret" } });
    if (action === "ls" || action === "list") return list(await connect(), output);
    if (action === "rotate-key") return rotateKey(connect, output, options);
    const name = parseSecretName(action, args.name);
    const nats = await connect();
    return action === "set" ? set(nats, output, name, options) : remove(nats, output, name);
  },
});

function parseSecretName(action: string, name: string | undefined): string {
  if (name === undefined) throw wrongUse(`narun secret ${action} needs a name`);
  const parsed = SecretNameSchema.safeParse(name);
  if (parsed.success) return parsed.data;
  throw wrongUse(parsed.error.issues[0]?.message ?? "");
}

interface SecretOptions {
  dataDir: string;
  secretsKey: SecretsKeySource | undefined;
  description: string | undefined;
}

async function set(nats: Nats, output: Output, name: string, options: SecretOptions): Promise<void> {
  const fallbackFile = join(options.dataDir, SECRETS_KEY_FILE);
  const key = await resolveSecretsKey(options.secretsKey, fallbackFile);
  if (key === undefined)
    throw new NarunError("SECRETS_KEY_MISSING", { detail: `${fallbackFile} is not there` });
  const value = await readValue(name);
  const result = await setSecret(nats, key, { name, value, description: options.description });
  if (output.isJson) return output.json(result);
  output.line(`${output.colours.bold(name)}  ${result.created ? "set" : "changed"}`);
  if (!result.created) output.note("Instances that use it are replaced, and get the new value.");
}

async function remove(nats: Nats, output: Output, name: string): Promise<void> {
  await removeSecret(nats, name);
  if (output.isJson) return output.json({ name, removed: true });
  output.line(`${output.colours.bold(name)}  removed`);
}

async function list(nats: Nats, output: Output): Promise<void> {
  const rows = await listSecrets(nats);
  if (output.isJson) return output.json(rows);
  if (rows.length === 0) return output.note("No secrets yet. `narun secret set NAME` makes one.");
  output.table(
    [
      { title: "NAME", value: (row) => row.name, colour: output.colours.bold },
      { title: "CHANGED", value: (row) => `${formatAge(row.updatedAt)} ago`, align: "right" },
      { title: "DESCRIPTION", value: (row) => row.description ?? "" },
    ],
    rows,
  );
}

/** Reads the value. It is no argument, because the shell's history and the process list show arguments. */
async function readValue(name: string): Promise<string> {
  const value = process.stdin.isTTY ? await askValue(name) : readUtf8(await buffer(process.stdin));
  const trimmed = value.replace(/\r?\n$/, "");
  if (trimmed === "") throw new NarunError("USAGE", { detail: "the value on stdin is empty" });
  return trimmed;
}

/** Drops the byte order mark of some editors. Refuses other bytes than UTF-8, which `env` could not carry unchanged. */
function readUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    const detail = "the value on stdin is no text in UTF-8; for bytes, set their base64: `base64 < FILE`";
    throw new NarunError("USAGE", { detail }, { cause: error });
  }
}

/** Asks at the terminal without an echo. */
async function askValue(name: string): Promise<string> {
  process.stderr.write(`value of ${name}: `);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await terminal.question("");
  } finally {
    terminal.close();
    process.stderr.write("\n");
  }
}

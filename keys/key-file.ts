/**
 * Key files: the only places of private keys. JSON, for their owner alone, under a passphrase where one is given.
 *
 * I1  No error has any of a file's content.
 * I2  A key file is never replaced: values that were sealed for its key would be lost.
 */
import { open, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { IdentitySchema, messageOf, NarunError, parseJson } from "../contracts/index.ts";
import { makeOwnFolder } from "../machine/index.ts";
import { openUnderPassphrase, type PrivateKey, sealUnderPassphrase } from "./jose.ts";

const PrivateKeySchema = z.object({
  kty: z.literal("OKP"),
  crv: z.enum(["X25519", "Ed25519"]),
  x: z.string().length(43),
  d: z.string().length(43),
});

const KeyFileSchema = z.object({
  format: z.literal(1),
  /** `root`, or the identity. */
  of: z.union([z.literal("root"), IdentitySchema]),
  /** The fingerprint of the root's signing key. The holder takes directories of this root only. */
  network: z.string(),
  /** The root alone has one. */
  signing: PrivateKeySchema.optional(),
  sealing: PrivateKeySchema,
});
export type KeyFile = z.infer<typeof KeyFileSchema> & {
  sealing: PrivateKey;
  signing?: PrivateKey | undefined;
};

/** A folder of key files: `root.json`, `node.json`, `user-NAME.json`, and `seen.jws`, the newest directory that was read. */
export interface KeyFolder {
  readonly path: string;
  /** Undefined: files are not under one. */
  readonly passphrase?: string | undefined;
}

export function fileNameOf(of: string): string {
  return of.startsWith("node:") ? "node.json" : `${of.replace(":", "-")}.json`;
}

/** Undefined where there is none. Error: KEY_FILE_UNREADABLE. */
export async function readKeyFile(
  { path, passphrase }: KeyFolder,
  name: string,
): Promise<KeyFile | undefined> {
  const file = join(path, name);
  const text = await readOwn(file);
  if (text === undefined) return undefined;
  const clear = text.startsWith("{") ? text : await unlock(file, text.trim(), passphrase);
  const parsed = parseJson(clear, KeyFileSchema);
  if (parsed === undefined) throw unreadable(file, "it is no key file of this version");
  return parsed as KeyFile;
}

/** Makes a key file. Error: KEY_FILE_EXISTS. */
export async function createKeyFile({ path, passphrase }: KeyFolder, content: KeyFile): Promise<string> {
  const file = join(path, fileNameOf(content.of));
  await makeOwnFolder(dirname(file));
  const clear = JSON.stringify(content);
  const text = passphrase === undefined ? clear : await sealUnderPassphrase(passphrase, Buffer.from(clear));
  try {
    const handle = await open(file, "wx", 0o600);
    try {
      await handle.chmod(0o600);
      await handle.writeFile(`${text}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw unreadable(file, messageOf(error));
    throw new NarunError("KEY_FILE_EXISTS", { detail: file });
  }
  return file;
}

async function readOwn(file: string): Promise<string | undefined> {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw unreadable(file, messageOf(error));
  });
  if (handle === undefined) return undefined;
  try {
    const { mode } = await handle.stat();
    if ((mode & 0o077) !== 0) throw unreadable(file, "others can read it");
    return await readFile(handle, "utf8");
  } finally {
    await handle.close();
  }
}

async function unlock(file: string, text: string, passphrase: string | undefined): Promise<string> {
  if (passphrase === undefined) throw unreadable(file, "it is under a passphrase, and none is given");
  const opened = await openUnderPassphrase(passphrase, text).catch(() => undefined);
  if (opened === undefined) throw unreadable(file, "the passphrase does not open it");
  return Buffer.from(opened).toString();
}

function unreadable(file: string, why: string): NarunError {
  return new NarunError("KEY_FILE_UNREADABLE", { detail: `${basename(file)}: ${why}` });
}

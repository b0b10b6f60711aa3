/**
 * The directory of keys: a JWS by the network's root, in one key of a bucket that anybody may write to.
 *
 * I1  A reader takes a directory only with the signature of its own network's root.
 * I2  A reader never takes a lower version than it has seen, nor another directory of the same version. A file keeps the newest one over
 *     a restart.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Directory, DirectorySchema, NarunError, parseJson } from "../contracts/index.ts";
import { makeOwnFolder, writeWhole } from "../machine/index.ts";
import { type PrivateKey, sign, verify } from "./jose.ts";

const TYPE = "narun-directory";
const SEEN_FILE = "seen.jws";

/** A directory, and the text that proves it. */
export interface SignedDirectory {
  directory: Directory;
  text: string;
}

export async function signDirectory(signing: PrivateKey, directory: Directory): Promise<SignedDirectory> {
  const text = await sign(signing, Buffer.from(JSON.stringify(DirectorySchema.parse(directory))), TYPE);
  return { directory, text };
}

/** Reads a directory of a network. Errors: DIRECTORY_FORGED, DIRECTORY_FOREIGN. */
export async function readDirectory(text: string, network: string): Promise<SignedDirectory> {
  const verified = await verify(text, TYPE).catch(() => undefined);
  if (verified === undefined) throw new NarunError("DIRECTORY_FORGED");
  const directory = parseJson(Buffer.from(verified.bytes).toString(), DirectorySchema);
  if (directory === undefined || directory.network !== verified.signer)
    throw new NarunError("DIRECTORY_FORGED", {
      detail: "it is signed, and of no form that this version knows",
    });
  if (verified.signer !== network) throw new NarunError("DIRECTORY_FOREIGN", { network: verified.signer });
  return { directory, text };
}

/** The newest directory that was taken (I2). */
export interface Newest {
  /** Takes a directory, unless it is older, and keeps it. Error: DIRECTORY_ROLLED_BACK. */
  take(next: SignedDirectory): Promise<SignedDirectory>;
  readonly current: SignedDirectory | undefined;
}

/** `folder`: where the file of the newest one is. Errors: as of `readDirectory`, where that file was changed. */
export async function openNewest(folder: string, network: string): Promise<Newest> {
  const file = join(folder, SEEN_FILE);
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  let current = text === undefined ? undefined : await readDirectory(text.trim(), network);
  let writing = Promise.resolve();
  return {
    get current() {
      return current;
    },
    async take(next) {
      const last = current;
      if (last !== undefined && next.text !== last.text) refuseOlder(last.directory, next.directory);
      if (last?.text === next.text) return last;
      current = next;
      // One after the other, so that an older one does not replace a newer one in the file.
      writing = writing.then(
        () => keep(file, folder, next.text),
        () => keep(file, folder, next.text),
      );
      await writing;
      return next;
    },
  };
}

async function keep(file: string, folder: string, text: string): Promise<void> {
  await makeOwnFolder(folder);
  await writeWhole(file, Buffer.from(`${text}\n`));
}

function refuseOlder(last: Directory, next: Directory): void {
  if (next.version > last.version) return;
  const detail =
    next.version < last.version
      ? `it has version ${next.version}, and ${last.version} was seen`
      : `another directory of version ${next.version} was seen`;
  throw new NarunError("DIRECTORY_ROLLED_BACK", { detail, version: next.version, seen: last.version });
}

/** How far the clock of a reader may be off. */
const CLOCK_TOLERANCE_MS = 15 * 60_000;

/** Refuses to seal by a directory whose time is over. Error: DIRECTORY_EXPIRED. */
export function refuseExpired({ signedAt, validMs, version }: Directory, nowMs: number): void {
  if (validMs === undefined || nowMs <= signedAt + validMs + CLOCK_TOLERANCE_MS) return;
  const end = new Date(signedAt + validMs).toISOString();
  throw new NarunError("DIRECTORY_EXPIRED", { detail: `version ${version} was valid until ${end}` });
}

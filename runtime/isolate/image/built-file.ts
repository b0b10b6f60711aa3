/**
 * Files that are made of narun's own sources once, and then read from the cache folder.
 *
 * I1  A file is there whole, or not at all. A damaged file is made again.
 * I2  Each use renews a file's date. A file without a use for `UNUSED_MS` is removed: its sources are gone by then. A process
 *     that needs it all the same makes it again, or puts it back.
 */
import { createHash } from "node:crypto";
import { existsSync, fstatSync, mkdirSync, openSync, readSync, utimesSync } from "node:fs";
import { mkdir, readdir, readFile, realpath, rm, stat } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { writeWhole, writeWholeSync } from "../../../machine/index.ts";

/** `.ts` in the repository, `.js` in the package: sources are beside each other in either. */
export const SOURCE_EXTENSION = extname(import.meta.filename);

/**
 * The bytes of a kept file. A file that is missing or damaged is made again. On disk a first line with the digest of the rest
 * stands before the bytes; to a reader of scripts it is a comment.
 */
export async function keepBuilt(file: string, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
  const kept = await readFile(file).catch(() => undefined);
  const intact = kept === undefined ? undefined : withoutDigest(kept);
  if (intact !== undefined) {
    touchFile(file);
    await removeUnused(dirname(file));
    return intact;
  }

  const made = await make();
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  // Another runner may be making the same file at this moment.
  await writeWhole(file, withDigest(made));
  await removeUnused(dirname(file));
  return made;
}

/** A kept file that a process needs at any time. */
export interface KeptFile {
  /** Its path, without symbolic links. */
  readonly file: string;
  /** Renews its date, or puts it back where the folder was emptied meanwhile. */
  restore(): void;
}

/** A kept file that stays open: the system keeps the bytes of an open file that is removed, so that this process need not. */
export async function keepOpen(file: string, make: () => Promise<Uint8Array>): Promise<KeptFile> {
  await keepBuilt(file, make);
  const path = await realpath(file);
  const descriptor = openSync(path, "r");
  return {
    file: path,
    restore() {
      if (existsSync(path)) return touchFile(path);
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      writeWholeSync(path, contentOf(descriptor), 0o600);
    },
  };
}

/** All bytes of an open file, wherever it was read last. */
function contentOf(descriptor: number): Buffer {
  const content = Buffer.alloc(fstatSync(descriptor).size);
  readSync(descriptor, content, 0, content.byteLength, 0);
  return content;
}

/** Renews the date of a kept file that is in use. */
export function touchFile(file: string): void {
  const now = new Date();
  try {
    utimesSync(file, now, now);
  } catch {
    // The file was removed just now, or belongs to another user: a process that misses it makes it again.
  }
}

const UNUSED_MS = 30 * 86_400_000;
/** A fingerprint and an ending; for an unfinished file also the id of its writer. */
const KEPT_NAME = /^[0-9a-f]{32}\.[a-z]+(?:\.\d+)?$/;

/** Removes unused files. Other processes may be removing the same ones. */
export async function removeUnused(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const before = Date.now() - UNUSED_MS;
  for (const name of names.filter((one) => KEPT_NAME.test(one))) {
    const path = join(folder, name);
    const usedMs = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined,
    );
    if (usedMs !== undefined && usedMs < before) await rm(path, { force: true }).catch(() => undefined);
  }
}

function withDigest(content: Uint8Array): Buffer {
  return Buffer.concat([digestLineOf(content), content]);
}

const DIGEST_LINE_BYTES = digestLineOf(new Uint8Array()).byteLength;

function digestLineOf(content: Uint8Array): Buffer {
  return Buffer.from(`//${createHash("sha256").update(content).digest("hex")}\n`);
}

function withoutDigest(file: Uint8Array): Uint8Array | undefined {
  const content = file.subarray(DIGEST_LINE_BYTES);
  return digestLineOf(content).equals(file.subarray(0, DIGEST_LINE_BYTES)) ? content : undefined;
}

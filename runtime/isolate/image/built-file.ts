/**
 * What is made of narun's own sources once, and then read from the cache folder.
 *
 * I1  A file is there whole, or not at all; one that is damaged is made anew.
 * I2  Whoever uses a file dates it anew. One that nobody has used for `UNUSED_MS` goes: it was made of sources that are
 *     not there any more. A process that would have used it once more all the same makes it anew, or puts it back.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, utimesSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { writeWhole } from "../../../machine/index.ts";

/** `.ts` in the repository, `.js` in the package: sources are beside each other in either. */
export const SOURCE_EXTENSION = extname(import.meta.filename);

/**
 * The bytes of a file that is kept, or made anew where there is none or it is damaged. A first line with the digest of
 * the rest is in front of them, a comment to whoever reads the file as a script.
 */
export async function keepBuilt(file: string, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
  const kept = await readFile(file).catch(() => undefined);
  const intact = kept === undefined ? undefined : unseal(kept);
  if (intact !== undefined) {
    dateAnew(file);
    await removeUnused(dirname(file));
    return intact;
  }

  const made = await make();
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  // Another runner may be making the same file at this moment.
  await writeWhole(file, seal(made));
  await removeUnused(dirname(file));
  return made;
}

/** Says that a kept file is in use. */
export function dateAnew(file: string): void {
  const now = new Date();
  try {
    utimesSync(file, now, now);
  } catch {
    // It was removed just now, or is another user's: whoever misses it makes it anew.
  }
}

const UNUSED_MS = 30 * 86_400_000;
/** A fingerprint and an ending; behind it the process that had begun to write it. */
const KEPT_NAME = /^[0-9a-f]{32}\.[a-z]+(?:\.\d+)?$/;

/** Removes what other processes may be removing, too. */
async function removeUnused(folder: string): Promise<void> {
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

export function seal(content: Uint8Array): Buffer {
  return Buffer.concat([sealOf(content), content]);
}

const SEAL_BYTES = sealOf(new Uint8Array()).byteLength;

function sealOf(content: Uint8Array): Buffer {
  return Buffer.from(`//${createHash("sha256").update(content).digest("hex")}\n`);
}

function unseal(file: Uint8Array): Uint8Array | undefined {
  const content = file.subarray(SEAL_BYTES);
  return sealOf(content).equals(file.subarray(0, SEAL_BYTES)) ? content : undefined;
}

/**
 * A name for what is made of the sources in these folders: another one as soon as a source, the version of any package
 * that narun is installed with, Node or one of the `settings` changes. Tests are no sources.
 */
export async function fingerprintOf(
  folders: readonly string[],
  settings: readonly string[],
): Promise<string> {
  const { versions, arch, platform } = process;
  const hash = createHash("sha256").update(
    JSON.stringify([versions, arch, platform, settings, versionsOfPackages()]),
  );
  for (const folder of folders) {
    const names = (await readdir(folder, { recursive: true })).filter(isSource).sort();
    const contents = await Promise.all(names.map((name) => readFile(join(folder, name))));
    for (const [index, content] of contents.entries()) {
      hash.update(JSON.stringify([names[index], content.byteLength])).update(content);
    }
  }
  return hash.digest("hex").slice(0, 32);
}

function isSource(name: string): boolean {
  return name.endsWith(SOURCE_EXTENSION) && !name.endsWith(`.test${SOURCE_EXTENSION}`);
}

interface PackageFile {
  name?: string;
  version?: string;
  dependencies?: Record<string, string>;
}

/** Every package that npm put beside narun for it, with its version: those that it names, and those that these name. */
function versionsOfPackages(): string[] {
  const found = new Map<string, string>();
  const visit = (file: string) => {
    const { name, version, dependencies = {} } = readPackage(file);
    found.set(file, `${name}@${version}`);
    const require = createRequire(file);
    for (const name of Object.keys(dependencies)) {
      const candidates = (require.resolve.paths(name) ?? []).map((folder) =>
        join(folder, name, "package.json"),
      );
      const installed = candidates.find((candidate) => existsSync(candidate));
      if (installed !== undefined && !found.has(installed)) visit(installed);
    }
  };
  visit(ownPackageFile());
  return [...found.values()].sort();
}

/** The nearest one that names what narun needs: that of the compiled files only says that they are modules. */
function ownPackageFile(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file) && readPackage(file).dependencies !== undefined) return file;
  }
  throw new Error("narun's package.json is missing");
}

function readPackage(file: string): PackageFile {
  return JSON.parse(readFileSync(file, "utf8")) as PackageFile;
}

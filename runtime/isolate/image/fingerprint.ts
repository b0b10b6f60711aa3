/**
 * Names for what is made of narun's own sources.
 *
 * I1  A fingerprint is that of the contents. To read and hash a thousand files takes a tenth of a runner's start, so it is noted with
 *     the states of all files and folders that it depends on, and taken from the note while no state has changed.
 * I2  A state has the size and the time of the last change, which cannot be set back, unlike the date. It is older than the reading
 *     of the contents by more than a tick of the clock, or there is no note.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { writeWhole } from "../../../machine/index.ts";
import { removeUnused, SOURCE_EXTENSION, touchFile } from "./built-file.ts";

/** Path, size and time of the last change of a file or a folder. */
type State = [path: string, bytes: number, changedMs: number];

interface Note {
  fingerprint: string;
  states: State[];
}

/** The clock of a file system lags behind the system's by a tick of the kernel. */
const CLOCK_LAG_MS = 20;

const FINGERPRINT_LENGTH = 32;

/**
 * A name for files that are made of the sources in these folders. It changes with every source, with the version of every
 * package that narun is installed with, with Node and with the `settings`. Tests are no sources. `notes`: the folder of notes.
 */
export async function fingerprintOf(
  folders: readonly string[],
  settings: readonly string[],
  notes: string,
): Promise<string> {
  const { versions, arch, platform } = process;
  const surroundings = [versions, arch, platform, settings];
  const file = join(notes, `${nameOf(JSON.stringify([folders, surroundings]))}.json`);
  const known = readNote(file);
  if (known !== undefined) {
    touchFile(file);
    return known;
  }

  const startedAt = Date.now();
  const packages = installedPackages();
  const sources = folders.map(sourcesIn);
  const paths = sources.flatMap(({ files, subfolders }) => [...files, ...subfolders]);
  const states = [...packages.keys(), ...paths].map(stateOf);
  const hash = createHash("sha256").update(JSON.stringify([...surroundings, [...packages.values()].sort()]));
  for (const { folder, files } of sources) {
    const contents = await Promise.all(files.map((path) => readFile(path)));
    for (const [index, content] of contents.entries()) {
      const name = relative(folder, files[index] ?? "");
      hash.update(JSON.stringify([name, content.byteLength])).update(content);
    }
  }
  const fingerprint = hash.digest("hex").slice(0, FINGERPRINT_LENGTH);
  if (states.every(([, , changedMs]) => changedMs < startedAt - CLOCK_LAG_MS))
    await writeNote(file, { fingerprint, states });
  return fingerprint;
}

/** The folder of notes in a cache folder. */
export function notesFolder(cacheDir: string): string {
  return join(cacheDir, "sources");
}

function nameOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, FINGERPRINT_LENGTH);
}

/** The noted fingerprint, if every state is as it was. */
function readNote(file: string): string | undefined {
  try {
    const { fingerprint, states } = JSON.parse(readFileSync(file, "utf8")) as Note;
    const isSame = ([path, bytes, changedMs]: State) => {
      const now = statSync(path, { throwIfNoEntry: false });
      return now !== undefined && now.size === bytes && now.ctimeMs === changedMs;
    };
    return states.every(isSame) ? fingerprint : undefined;
  } catch {
    // None yet, or damaged with its disk.
    return undefined;
  }
}

async function writeNote(file: string, note: Note): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeWhole(file, Buffer.from(JSON.stringify(note)));
    await removeUnused(dirname(file));
  } catch {
    // The contents are read again at the next start.
  }
}

/** The sources in a folder, sorted, and all folders in which further ones may appear. */
function sourcesIn(folder: string): { folder: string; files: string[]; subfolders: string[] } {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const pathsOf = (kept: typeof entries) => kept.map(({ parentPath, name }) => join(parentPath, name)).sort();
  const subfolders = [folder, ...pathsOf(entries.filter((entry) => entry.isDirectory()))];
  return { folder, files: pathsOf(entries.filter(({ name }) => isSource(name))), subfolders };
}

function stateOf(path: string): State {
  const { size, ctimeMs } = statSync(path);
  return [path, size, ctimeMs];
}

function isSource(name: string): boolean {
  return name.endsWith(SOURCE_EXTENSION) && !name.endsWith(`.test${SOURCE_EXTENSION}`);
}

interface PackageFile {
  name?: string;
  version?: string;
  dependencies?: Record<string, string>;
}

/** The package.json of narun and of all packages that it depends on, direct or not, each with its installed version. */
function installedPackages(): Map<string, string> {
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
  return found;
}

/** The nearest package.json with dependencies. The one beside the compiled files has none. */
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

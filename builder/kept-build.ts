/**
 * The build of a function's last start, in its folder, which serves again while nothing has changed that the build depends on.
 *
 * I1  A build is kept with the state of every file that it read, of every path at which it looked for files
 *     (watched-names.ts), and of narun's own builder. A change of any of them makes it useless.
 * I2  A build during which one of them changed is not kept.
 * I3  Kept files are compared with their digests.
 */
import { type Dirent, lstatSync, readdirSync, realpathSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { canonicalJson, type Manifest } from "../contracts/index.ts";
import { sha256Hex, writeWhole } from "../machine/index.ts";
import type { Build } from "./build-result.ts";
import { ENV_TYPES_FILE } from "./env-types.ts";
import { CONFIG_FILE } from "./function-folder.ts";
import { EVERY_NAME, type Reading, watchedNames } from "./watched-names.ts";

/** The form of the file that is kept beside the builds. */
interface Kept {
  name: string;
  /** Warnings name files relative to the working folder. */
  workingFolder: string;
  revision: string;
  heaviest: Build["heaviest"];
  inputs: string[];
  warnings: Build["warnings"];
  /** States by path: the files and folders that the build depends on. */
  states: Record<string, string>;
  /** The names in folders by path. */
  listings: Record<string, string[]>;
}

/** The clock of a file system lags behind the system's by a tick of the kernel. */
const CLOCK_LAG_MS = 20;

/** The descriptors of a function's services, beside its bundle. */
export const DESCRIPTORS_FILE = "descriptors.binpb";

/** The folder of a function's builds. */
export function buildsFolder(dir: string): string {
  return join(dir, ".narun", "build");
}

/** The kept build, if a new build would give the same. `dir`: the function's folder, absolute, without symbolic links. */
export async function findKeptBuild(dir: string): Promise<Build | undefined> {
  const startedAt = performance.now();
  try {
    const kept = JSON.parse(await readFile(keptFile(dir), "utf8")) as Kept;
    if (kept.workingFolder !== process.cwd() || !isUnchanged(kept)) return undefined;
    const [manifestText = "", bundle, sourceMap] = await readBuild(dir, kept.name);
    const manifest = JSON.parse(manifestText.toString()) as Manifest;
    const { name, revision, heaviest, inputs, warnings } = kept;
    const descriptors =
      manifest.descriptors && (await readFile(join(buildsFolder(dir), kept.name, DESCRIPTORS_FILE)));
    const isWhole =
      sha256Hex(canonicalJson(manifest)) === revision &&
      sha256Hex(bundle) === manifest.bundle.sha256 &&
      sha256Hex(sourceMap) === manifest.sourceMap.sha256 &&
      (descriptors === undefined || sha256Hex(descriptors) === manifest.descriptors?.sha256);
    if (!isWhole || manifest.config.name !== name) return undefined;
    const elapsedMs = performance.now() - startedAt;
    const { config } = manifest;
    const files = { bundle, sourceMap, ...(descriptors === undefined ? {} : { descriptors }) };
    return { config, manifest, revision, ...files, elapsedMs, heaviest, inputs, warnings };
  } catch {
    // Nothing is kept, or its file is damaged or of another narun.
    return undefined;
  }
}

/** Keeps a build whose files are written. `startedAt`: the time in ms before it read its first file. */
export async function keepBuild(
  dir: string,
  build: Build,
  reading: Reading,
  startedAt: number,
): Promise<void> {
  const { revision, heaviest, inputs, warnings, config } = build;
  const { states, listings } = statesOf(dir, reading, startedAt) ?? {};
  if (states === undefined || listings === undefined) return;
  const workingFolder = process.cwd();
  const kept: Kept = {
    name: config.name,
    workingFolder,
    revision,
    heaviest,
    inputs,
    warnings,
    states,
    listings,
  };
  await writeWhole(keptFile(dir), Buffer.from(JSON.stringify(kept)));
}

function keptFile(dir: string): string {
  return join(buildsFolder(dir), "made-of.json");
}

function readBuild(dir: string, name: string): Promise<[Buffer, Buffer, Buffer]> {
  const read = (file: string) => readFile(join(buildsFolder(dir), name, file));
  return Promise.all([read("manifest.json"), read("bundle.js"), read("bundle.js.map")]);
}

/** Undefined if something changed since the start of the build. */
function statesOf(
  dir: string,
  reading: Reading,
  startedAt: number,
): Pick<Kept, "states" | "listings"> | undefined {
  const states: Kept["states"] = {};
  const listings: Kept["listings"] = {};
  const paths = new Set([...reading.files, join(dir, CONFIG_FILE), ...ownFiles()]);
  for (const [folder, names] of watchedNames(dir, reading)) {
    for (const name of names) {
      if (name === EVERY_NAME) listings[folder] = namesIn(folder);
      else paths.add(join(folder, name));
    }
  }
  const listed = Object.entries(listings).flatMap(([folder, names]) =>
    names.map((name) => join(folder, name)),
  );
  if ([...paths, ...listed].some((path) => hasChangedSince(path, startedAt))) return undefined;
  // The build itself has written the types of `env`.
  for (const path of [...paths, join(dir, ENV_TYPES_FILE)]) states[path] = stateOf(path);
  return { states, listings };
}

function hasChangedSince(path: string, startedAt: number): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isFile() === true && found.ctimeMs > startedAt - CLOCK_LAG_MS;
}

function isUnchanged({ states, listings }: Kept): boolean {
  return (
    ownFiles().every((file) => file in states) &&
    Object.entries(states).every(([path, state]) => stateOf(path) === state) &&
    Object.entries(listings).every(([folder, names]) => namesIn(folder).join(":") === names.join(":"))
  );
}

/** The files in a folder may change all the time, and those that matter are looked at themselves. */
function stateOf(path: string): string {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return "missing";
  if (found.isSymbolicLink()) return `link to ${linkedBy(path)}`;
  return found.isFile() ? `${found.size} ${found.ctimeMs} ${found.ino}` : "folder";
}

/** The real place of the linked file, and its state. */
function linkedBy(link: string): string {
  try {
    const path = realpathSync(link);
    return `${path}: ${stateOf(path)}`;
  } catch {
    return "nothing";
  }
}

/** Without the files that editors and narun itself write beside the sources. */
function namesIn(folder: string): string[] {
  return entriesIn(folder)
    .filter(({ name }) => !name.startsWith(".") && !name.endsWith("~") && !isWrittenType(name))
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .sort();
}

function isWrittenType(name: string): boolean {
  return name === ENV_TYPES_FILE || name.endsWith(".d.proto.ts");
}

function entriesIn(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** The files that decide a build: narun's builder, contracts and library for authors, and their vendors. */
function ownFiles(): string[] {
  const root = join(import.meta.dirname, "..");
  const parts = [import.meta.dirname, join(root, "contracts"), join(root, "functions", "sdk")];
  own ??= [
    createRequire(import.meta.url).resolve("esbuild/package.json"),
    createRequire(import.meta.url).resolve("@bufbuild/protobuf"),
    ...parts.flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((name) => /(?<!\.test)\.[jt]s$/.test(name) && !/^(?:testing|templates)[\\/]/.test(name))
        .map((name) => join(folder, name)),
    ),
  ];
  return own;
}

let own: string[] | undefined;

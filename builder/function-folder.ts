import { isUtf8 } from "node:buffer";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { basename, isAbsolute, join, normalize, relative, resolve } from "node:path";
import {
  type BuildSettings,
  defaultRoutes,
  type FunctionConfig,
  type FunctionFile,
  FunctionFileSchema,
  NAME_PATTERN,
  NarunError,
  type ProgramFile,
  ProgramFileSchema,
  parseYaml,
  type YamlIssue,
} from "../contracts/index.ts";
import { refuseBadSchedules } from "./refuse-bad-schedules.ts";

/** A function in its author's form: its folder, and its narun.yaml with the defaults applied. */
export interface LoadedFunction {
  /** Absolute, symbolic links resolved. */
  dir: string;
  /** The entry file, relative to `dir`. */
  entry: string;
  /** The settings of `build` in narun.yaml. */
  settings: BuildSettings;
  config: FunctionConfig;
}

/** A program (`mode: exec`) in its author's form. */
export interface LoadedProgram {
  /** Absolute, symbolic links resolved. */
  dir: string;
  /** The program's file, relative to `dir`. */
  file: string;
  /** The command line that makes it. */
  build: string | undefined;
  config: FunctionConfig;
}

/** The entries to look for if narun.yaml names none, in this order. */
const ENTRY_NAMES = ["index.ts", "index.tsx", "index.mts", "index.js", "index.jsx", "index.mjs"];
const ENTRIES = ["", "src/"].flatMap((folder) => ENTRY_NAMES.map((file) => folder + file));

export const CONFIG_FILE = "narun.yaml";

/** A folder with one of these files is a function. An entry may also be in its `src`. */
export const namesOfFunctions: ReadonlySet<string> = new Set([CONFIG_FILE, ...ENTRY_NAMES]);

/**
 * Reads a function's folder. A folder without narun.yaml is valid. Errors: CONFIG_INVALID with every issue (`fields.issues`)
 * by file, line, key and the nearest valid key; ENTRY_NOT_FOUND with the paths that were tried.
 */
export async function loadFunction(dir: string): Promise<LoadedFunction> {
  const loaded = await load(dir);
  if (!isProgram(loaded)) return loaded;
  throw new NarunError("CONFIG_INVALID", {
    detail: `${displayPath(join(loaded.dir, CONFIG_FILE))}: mode exec is a program: it has no module of a function`,
  });
}

export function isProgram(loaded: LoadedFunction | LoadedProgram): loaded is LoadedProgram {
  return "file" in loaded;
}

/** Reads the folder of a function or a program. Errors as `loadFunction`. */
export async function load(dir: string): Promise<LoadedFunction | LoadedProgram> {
  const folder = await resolveFolder(dir);
  const file = await readConfigFile(folder);
  if (file.mode === "exec" && "command" in file) return programOf(folder, file);
  return functionOf(folder, file as FunctionFile);
}

function programOf(folder: string, { name: ownName, routes, build, ...rest }: ProgramFile): LoadedProgram {
  const name = ownName ?? nameOfFolder(folder);
  const file = normalize(rest.command);
  if (isAbsolute(file) || file.startsWith("..")) {
    throw new NarunError("CONFIG_INVALID", {
      detail: `${displayPath(join(folder, CONFIG_FILE))}: command: ${rest.command} is not below the folder; a script names its interpreter on its first line`,
    });
  }
  return { dir: folder, file, build, config: { ...rest, name, routes: routes ?? defaultRoutes(name) } };
}

async function functionOf(folder: string, file: FunctionFile): Promise<LoadedFunction> {
  const { name: ownName, entry: ownEntry, routes, build: settings, ...rest } = file;
  const name = ownName ?? nameOfFolder(folder);
  const entry = await findEntry(folder, ownEntry);
  return { dir: folder, entry, settings, config: { ...rest, name, routes: routes ?? defaultRoutes(name) } };
}

/** The absolute path of a function's folder, symbolic links resolved. Error: ENTRY_NOT_FOUND, for a missing folder. */
export async function resolveFolder(dir: string): Promise<string> {
  return realpath(dir).catch((error: unknown) => {
    throw new NarunError("ENTRY_NOT_FOUND", { detail: `${dir} is no folder` }, { cause: error });
  });
}

/**
 * The absolute paths of the functions in a folder: the folder itself if it is a function (it has a narun.yaml or an entry
 * file), else its direct subfolders that are functions, by name. Error: ENTRY_NOT_FOUND, for a missing folder.
 */
export async function findFunctions(dir: string): Promise<string[]> {
  const root = resolve(dir);
  if (await isFunction(root)) return [root];
  const folders = await foldersIn(root).catch((error: unknown) => {
    throw new NarunError("ENTRY_NOT_FOUND", { detail: `${dir} is no folder` }, { cause: error });
  });
  const found = await Promise.all(folders.map(isFunction));
  return folders.filter((_, index) => found[index]);
}

/** The subfolders that may be functions, by name. */
export async function foldersIn(root: string): Promise<string[]> {
  const children = await readdir(root, { withFileTypes: true });
  return children
    .filter((child) => !child.isFile() && !child.name.startsWith(".") && child.name !== "node_modules")
    .map((child) => join(root, child.name))
    .sort();
}

/** A path for a person: relative to the working folder if it lies below, else absolute. */
export function displayPath(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere === "" || fromHere.startsWith("..") ? path : fromHere;
}

async function readConfigFile(folder: string): Promise<FunctionFile | ProgramFile> {
  const path = join(folder, CONFIG_FILE);
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return Buffer.alloc(0);
    throw new NarunError("CONFIG_INVALID", { detail: `${displayPath(path)}: ${error.message}` });
  });
  if (!isUtf8(bytes)) {
    throw new NarunError("CONFIG_INVALID", {
      detail: `${displayPath(path)} is no text in UTF-8: save it in this encoding`,
    });
  }
  const parsed = parseYaml<FunctionFile | ProgramFile>(bytes.toString(), (value) =>
    isOfProgram(value)
      ? ProgramFileSchema.superRefine(refuseBadSchedules)
      : FunctionFileSchema.superRefine(refuseBadSchedules),
  );
  if (parsed.ok) return parsed.value;
  throw new NarunError("CONFIG_INVALID", {
    detail: parsed.issues.map((issue) => formatIssue(displayPath(path), issue)).join("\n"),
    issues: parsed.issues.map((issue) => ({ file: displayPath(path), ...issue })),
  });
}

function isOfProgram(value: unknown): boolean {
  return typeof value === "object" && value !== null && "mode" in value && value.mode === "exec";
}

function formatIssue(file: string, { line, key, message }: YamlIssue): string {
  // The message of an unknown key has its name.
  const subject = key === "" || message.startsWith("unknown key") ? "" : `${key}: `;
  return `${file}:${line}: ${subject}${message}`;
}

function nameOfFolder(folder: string): string {
  const name = basename(folder);
  if (NAME_PATTERN.test(name)) return name;
  throw new NarunError("CONFIG_INVALID", {
    detail: `the folder ${JSON.stringify(name)} cannot name the function (1 to 63 of A-Z, a-z, 0-9, _ and -); set "name:" in ${displayPath(join(folder, CONFIG_FILE))}`,
  });
}

async function findEntry(folder: string, own: string | undefined): Promise<string> {
  const candidates = own === undefined ? ENTRIES : [own];
  for (const candidate of candidates) {
    if (await isFile(join(folder, candidate))) return candidate;
  }
  throw new NarunError("ENTRY_NOT_FOUND", {
    detail:
      own === undefined
        ? `${displayPath(folder)} has none of ${candidates.join(", ")}`
        : `narun.yaml names ${own}, which is not in ${displayPath(folder)}`,
    lookedFor: candidates,
  });
}

async function isFunction(folder: string): Promise<boolean> {
  const found = await Promise.all([CONFIG_FILE, ...ENTRIES].map((file) => isFile(join(folder, file))));
  return found.includes(true);
}

async function isFile(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ?? false;
}

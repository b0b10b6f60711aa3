/**
 * The names to watch, so that no change of a build's result goes unseen: the files that the bundler has read, and the paths
 * at which it has looked for files.
 *
 * I1  A path is watched by its name in its folder, by the folder's name in the folder above, and so on. A folder that
 *     vanishes and comes back, and a file that appears in a new folder, are both changes of a name.
 * I2  Installed packages are watched by the file that a package manager writes at the end of an installation. Their own
 *     files come and go during an installation. A package that is a link to a folder elsewhere counts as source.
 */
import { lstatSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { ancestorsOf } from "./ancestors.ts";
import { findTsconfig, parseJsonc, readTsconfig, TSCONFIG_FILES, type Tsconfig } from "./tsconfig.ts";

/** The files that a build read, and the paths at which it looked for files. Paths are absolute. */
export interface Reading {
  files: readonly string[];
  lookups: readonly Lookup[];
}

/** An import: the folder of the importing file, and the specifier. */
export interface Lookup {
  from: string;
  module: string;
}

/** Folders, and the watched names in each. */
export type WatchedNames = ReadonlyMap<string, ReadonlySet<string>>;

/** Stands for every name of a folder. */
export const EVERY_NAME = "*";

/** npm, pnpm and Yarn write these files in node_modules at the end of an installation. */
const INSTALLATION_FILES = [".package-lock.json", ".modules.yaml", ".yarn-integrity", ".yarn-state.yml"];

/** `root` is the function's folder. */
export function watchedNames(root: string, { files, lookups }: Reading): WatchedNames {
  const names = new Map<string, Set<string>>();
  const tsconfigs = new Map<string, Tsconfig>();

  const add = (folder: string, name: string) => {
    const known = names.get(folder);
    if (known === undefined) names.set(folder, new Set([name]));
    else known.add(name);
  };
  const addPath = (path: string) => {
    for (const folder of ancestorsOf(path))
      if (folder !== dirname(folder)) add(dirname(folder), basename(folder));
  };
  const addFolder = (folder: string) => {
    add(folder, EVERY_NAME);
    addPath(folder);
  };
  /** A module without its ending: a file with any ending, or a folder. */
  const addModule = (path: string) => {
    addPath(path);
    if (!isInstalled(root, dirname(path))) addFolder(dirname(path));
  };

  const addSource = (file: string) => {
    addFolder(dirname(file));
    // A template in an import() matches files, also future ones of an empty folder.
    for (const folder of ancestorsOf(dirname(file))) {
      if (!isBelow(root, folder)) break;
      addFolder(folder);
    }
    for (const folder of ancestorsOf(dirname(file))) {
      for (const name of ["package.json", "node_modules", ...TSCONFIG_FILES]) add(folder, name);
      for (const name of INSTALLATION_FILES) add(join(folder, "node_modules"), name);
    }
    const tsconfig = tsconfigOf(dirname(file));
    tsconfig?.lookedAt.forEach(addPath);
    for (const { from, module } of tsconfig?.packages ?? []) addPackage(from, module);
  };
  const tsconfigOf = (folder: string): Tsconfig | undefined => {
    const file = findTsconfig(folder);
    if (file === undefined) return undefined;
    const known = tsconfigs.get(file) ?? readTsconfig(file);
    tsconfigs.set(file, known);
    return known;
  };

  const addLookup = ({ from, module }: Lookup) => {
    if (/^\.{0,2}\//.test(module) || module === "." || module === "..")
      return addModule(resolve(from, module));
    tsconfigOf(from)?.targetsOf(module).forEach(addModule);
    const own = [...ancestorsOf(from)].find((folder) => typeOf(join(folder, "package.json")) !== undefined);
    if (own !== undefined && isOfPackage(own, module)) targetsOf(own).forEach(addModule);
    if (!module.startsWith("#")) addPackage(from, module);
  };
  const addPackage = (from: string, module: string) => {
    const name = module.split("/", module.startsWith("@") ? 2 : 1).join("/");
    for (const folder of ancestorsOf(from)) {
      const path = join(folder, "node_modules", name);
      const type = typeOf(path);
      if (type === "folder") return;
      addPath(path);
      if (type === "link") return addLinked(path);
    }
  };
  const addLinked = (link: string) => {
    const folder = realPathOf(link);
    if (folder === undefined || isInstalled(root, folder)) return;
    addPath(join(folder, "package.json"));
    targetsOf(folder).forEach(addModule);
  };

  addFolder(root);
  for (const file of files) if (!isInstalled(root, file)) addSource(file);
  for (const lookup of lookups) if (!isInstalled(root, lookup.from)) addLookup(lookup);
  return names;
}

function isInstalled(root: string, path: string): boolean {
  const own = isBelow(root, path) ? relative(root, path) : path;
  return own.split(sep).includes("node_modules");
}

function isBelow(root: string, path: string): boolean {
  return path === root || path.startsWith(root + sep);
}

/** The kind of a path. A file counts as a folder. */
function typeOf(path: string): "folder" | "link" | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  return found.isSymbolicLink() ? "link" : "folder";
}

function realPathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

interface PackageFile {
  name?: unknown;
  [field: string]: unknown;
}

function readPackageFile(folder: string): PackageFile {
  try {
    const parsed = parseJsonc(readFileSync(join(folder, "package.json"), "utf8"));
    return typeof parsed === "object" && parsed !== null ? (parsed as PackageFile) : {};
  } catch {
    return {};
  }
}

/** Whether the package.json of a package maps a module that one of its files imports. */
function isOfPackage(folder: string, module: string): boolean {
  if (module.startsWith("#")) return true;
  const { name } = readPackageFile(folder);
  return typeof name === "string" && (module === name || module.startsWith(`${name}/`));
}

/** The targets in a package.json. For a pattern, the folder that its fixed part names. */
function targetsOf(folder: string): string[] {
  const { exports, imports, main, module, browser } = readPackageFile(folder);
  const texts = [exports, imports, main, module, browser].flatMap(textsIn);
  const targets = texts.map((text) => resolve(folder, text.replace(/\*[\s\S]*$/, "x")));
  return [join(folder, "index.js"), ...targets.filter((target) => isBelow(folder, target))];
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

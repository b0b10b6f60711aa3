/** The files that the bundler reads because of a tsconfig.json: the files that it extends, and the targets of `paths`. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { ancestorsOf } from "./ancestors.ts";

export interface Tsconfig {
  /** The paths of this file and of the files that it extends, also of missing ones. */
  lookedAt: readonly string[];
  /** The packages with an extended file, and the folder that names each. */
  packages: readonly { from: string; module: string }[];
  /** The paths at which a module is looked for by `paths` and `baseUrl`, without an ending. */
  targetsOf(module: string): string[];
}

/** The bundler takes the first existing file. */
export const TSCONFIG_FILES = ["tsconfig.json", "jsconfig.json"];

/** The tsconfig.json for the sources in a folder: its own, or the nearest above it. */
export function findTsconfig(folder: string): string | undefined {
  for (const above of ancestorsOf(folder)) {
    for (const name of TSCONFIG_FILES) if (existsSync(join(above, name))) return join(above, name);
  }
  return undefined;
}

/** Reads a file and the files that it extends. A missing or broken file adds nothing; the build reports it. */
export function readTsconfig(file: string): Tsconfig {
  const lookedAt = new Set<string>();
  const packages: { from: string; module: string }[] = [];
  const aliases: Alias[] = [];
  const visit = (path: string) => {
    if (lookedAt.has(path)) return;
    lookedAt.add(path);
    const { extended, alias } = readOne(path);
    aliases.push(...alias);
    for (const name of extended) {
      if (!isPath(name)) packages.push({ from: dirname(path), module: name });
      candidatesOf(dirname(path), name).forEach(visit);
    }
  };
  visit(file);
  return {
    lookedAt: [...lookedAt],
    packages,
    targetsOf: (module) => aliases.flatMap((alias) => expand(alias, module)),
  };
}

/** The effective value of a compiler option: the file's own, else the value of the last extended file that sets it. */
export function compilerOption(file: string, option: string, seen = new Set<string>()): unknown {
  if (seen.has(file)) return undefined;
  seen.add(file);
  const { options, extended } = readOne(file);
  if (options[option] !== undefined) return options[option];
  return extended
    .toReversed()
    .flatMap((name) => candidatesOf(dirname(file), name))
    .map((path) => compilerOption(path, option, seen))
    .find((value) => value !== undefined);
}

/** Parses TypeScript's JSON, with comments and trailing commas. Undefined for other text. */
export function parseJsonc(text: string): unknown {
  const strict = text
    .replace(/^\uFEFF/, "")
    .replace(/("(?:[^"\\]|\\.)*")|\/\/.*|\/\*[\s\S]*?\*\//g, (_, kept: string | undefined) => kept ?? " ")
    .replace(/("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])/g, (_, kept: string | undefined) => kept ?? "");
  try {
    return JSON.parse(strict);
  } catch {
    return undefined;
  }
}

interface Alias {
  pattern: string;
  targets: string[];
  /** The base folder of the targets. */
  base: string;
}

interface CompilerOptions {
  baseUrl?: unknown;
  paths?: Record<string, unknown>;
  [option: string]: unknown;
}

function readOne(path: string): { extended: string[]; alias: Alias[]; options: CompilerOptions } {
  const parsed = readJsonc(path) as { extends?: unknown; compilerOptions?: CompilerOptions } | undefined;
  const extended = [parsed?.extends ?? []].flat().filter((name) => typeof name === "string");
  const options = parsed?.compilerOptions ?? {};
  const { baseUrl, paths } = options;
  const folder = dirname(path);
  const base = typeof baseUrl === "string" ? resolve(folder, baseUrl) : folder;
  const alias = Object.entries(paths ?? {}).map(([pattern, targets]) => ({
    pattern,
    targets: [targets].flat().filter((target) => typeof target === "string"),
    base,
  }));
  if (typeof baseUrl === "string") alias.push({ pattern: "*", targets: ["*"], base });
  return { extended, alias, options };
}

function readJsonc(path: string): unknown {
  try {
    return parseJsonc(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function isPath(name: string): boolean {
  return /^\.{1,2}(?:\/|$)/.test(name) || isAbsolute(name);
}

/** The possible paths of an extended file. For a package the nearest folder that has it decides. */
function candidatesOf(folder: string, name: string): string[] {
  if (isPath(name)) return [resolve(folder, name), `${resolve(folder, name)}.json`];
  for (const above of ancestorsOf(folder)) {
    const path = join(above, "node_modules", name);
    const found = [path, `${path}.json`, join(path, "tsconfig.json")].filter((candidate) =>
      existsSync(candidate),
    );
    if (found.length > 0) return found;
  }
  return [];
}

function expand({ pattern, targets, base }: Alias, module: string): string[] {
  const [before = "", after] = pattern.split("*");
  if (after === undefined) return pattern === module ? targets.map((target) => resolve(base, target)) : [];
  if (!module.startsWith(before) || !module.endsWith(after)) return [];
  const middle = module.slice(before.length, module.length - after.length);
  return targets.map((target) =>
    resolve(
      base,
      target.replace("*", () => middle),
    ),
  );
}

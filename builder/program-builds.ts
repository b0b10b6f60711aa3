/**
 * Builds of a program for `narun dev`: one for each change of its folder that its build command did not make itself.
 *
 * I1  A file that two builds in a row have written is one of their outputs: its changes cause no build. A source that is saved
 *     while a build runs is written once only, and causes the next one.
 * I2  Unchanged sources cause no build: the last one stands.
 */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import type { Build } from "./build-result.ts";
import type { LoadedProgram } from "./function-folder.ts";
import { buildProgram } from "./program.ts";
import { EVERY_NAME, type WatchedNames } from "./watched-names.ts";

export interface ProgramBuilds {
  /** Errors: as `buildProgram`. */
  build(program: LoadedProgram): Promise<Build>;
}

/** Paths, and facts of their files that each write changes. */
type Snapshot = ReadonlyMap<string, string>;

type Result = { ok: true; build: Build } | { ok: false; error: unknown };

/** Upper bound of the builds after one change: a command may write files of other names each time. */
const MAX_ROUNDS = 4;

export function createProgramBuilds(): ProgramBuilds {
  const outputs = new Set<string>();
  let last: { key: string; result: Result } | undefined;
  let suspects = new Set<string>();

  const buildOnce = async (program: LoadedProgram, isLastRound: boolean): Promise<boolean> => {
    const before = await look(program.dir);
    const key = keyOf(program, before, outputs);
    if (last?.key === key) return true;
    const result = await attempt(program);
    // A script without a build is a source itself.
    if (program.build === undefined) {
      last = { key, result };
      return true;
    }
    outputs.add(program.file);
    const after = await look(program.dir);
    const written = [...after].filter(([path, state]) => before.get(path) !== state && !outputs.has(path));
    for (const [path] of written) if (suspects.has(path)) outputs.add(path);
    suspects = new Set(written.map(([path]) => path));
    const isSettled = isLastRound || written.every(([path]) => outputs.has(path));
    last = isSettled ? { key: keyOf(program, after, outputs), result } : undefined;
    return isSettled;
  };
  return {
    async build(program) {
      for (let round = 1; !(await buildOnce(program, round === MAX_ROUNDS)); round++);
      if (last?.result.ok === true) return last.result.build;
      throw last?.result.error;
    },
  };
}

/** All folders of a program: a file of any name may be a source of it. */
export async function namesOfProgram(dir: string): Promise<WatchedNames> {
  const names = new Map<string, ReadonlySet<string>>();
  for await (const folder of foldersOf(dir)) names.set(folder, new Set([EVERY_NAME]));
  return names.set(dirname(dir), new Set([basename(dir)]));
}

async function attempt(program: LoadedProgram): Promise<Result> {
  try {
    return { ok: true, build: await buildProgram(program) };
  } catch (error) {
    return { ok: false, error };
  }
}

function keyOf({ config, build }: LoadedProgram, files: Snapshot, outputs: ReadonlySet<string>): string {
  const sources = [...files].filter(([path]) => !outputs.has(path)).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([config, build, sources]);
}

async function look(dir: string): Promise<Snapshot> {
  const found = new Map<string, string>();
  for await (const folder of foldersOf(dir)) {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      const path = join(folder, entry.name);
      const facts = entry.isFile() ? await stat(path).catch(() => undefined) : undefined;
      if (facts !== undefined && !entry.name.startsWith(".") && !entry.name.endsWith("~"))
        found.set(relative(dir, path), `${facts.ino} ${facts.size} ${facts.mtimeMs}`);
    }
  }
  return found;
}

/** Upper bound of the folders that are watched. */
const MAX_FOLDERS = 2_000;
/** Folders of tools, which no one edits. */
const OTHERS = new Set(["node_modules", "__pycache__", "target", "vendor"]);

/** A folder and all below it, without folders of tools. */
async function* foldersOf(dir: string): AsyncGenerator<string, void> {
  const open = [dir];
  for (let count = 0; count < MAX_FOLDERS; count++) {
    const folder = open.pop();
    if (folder === undefined) return;
    yield folder;
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => []))
      if (entry.isDirectory() && !entry.name.startsWith(".") && !OTHERS.has(entry.name))
        open.push(join(folder, entry.name));
  }
}

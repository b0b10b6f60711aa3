/**
 * Files that a node makes of narun's sources at its first start with a cache folder: the platform's snapshot and the programs of
 * hosts. They take four seconds of a processor, and are the same in every folder. Tests of the making have no such files:
 * `runtime/isolate/image/`, `bin/narun.test.ts`, `test/package.test.ts`.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

const FOLDERS = ["platform", "host", "node", "sources"];

/** Copies the files out of a cache folder that were used at `sinceMs` or later. Others are of other sources. */
export function copyImages(from: string, to: string, sinceMs = 0): void {
  for (const folder of FOLDERS) {
    const source = join(from, folder);
    if (!existsSync(source)) continue;
    mkdirSync(join(to, folder), { recursive: true, mode: 0o700 });
    for (const name of readdirSync(source)) {
      if (statSync(join(source, name)).mtimeMs >= sinceMs)
        copyFileSync(join(source, name), join(to, folder, name));
    }
  }
}

/** Folders of the system, in which no folder can be made: Node would try for ever to make one in /proc (Node 26.10). */
const SYSTEM = /^\/(?:dev|proc)\//;

/** The cache folder of the nodes that a command starts. Undefined where it starts none, or where they have the user's own. */
export function cacheFolderOf(args: readonly string[], cwd: string): string | undefined {
  const after = (flag: string) => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined);
  const given = after("--cache-dir");
  if (given !== undefined) return SYSTEM.test(given) ? undefined : resolve(cwd, given);
  const hasWorld = args[0] === "up" || args[0] === "dev";
  return hasWorld ? resolve(cwd, after("--data-dir") ?? ".narun/data", "cache") : undefined;
}

/** Watches a folder for new functions, for `narun dev`. */
import { join, resolve } from "node:path";
import { createChangeGate } from "./change-gate.ts";
import { createFolderWatch } from "./folder-watch.ts";
import { findFunctions, foldersIn, namesOfFunctions } from "./function-folder.ts";
import { EVERY_NAME, type WatchedNames } from "./watched-names.ts";

/**
 * Calls `onFolder` with the folder of each new function below `dir`, until the signal aborts. `known`: the folders that are
 * not new. A folder that is a function itself contains no others.
 */
export async function watchFolders(
  dir: string,
  known: readonly string[],
  { signal, onFolder }: { signal: AbortSignal; onFolder(folder: string): void },
): Promise<void> {
  const root = resolve(dir);
  if (known.includes(root)) return;
  const gate = createChangeGate(signal);
  using watch = createFolderWatch(gate.notify);
  const told = new Set(known);
  while (!signal.aborted) {
    // A folder that is watched only from now on may have got a file before.
    let found: string[];
    do found = await findFunctions(root).catch(() => []);
    while (watch.watchOnly(await namesBelow(root)));
    for (const folder of found) {
      if (folder === root || told.has(folder)) continue;
      told.add(folder);
      onFolder(folder);
    }
    await gate.passChange();
  }
}

/** The names of files that make a folder a function. */
async function namesBelow(root: string): Promise<WatchedNames> {
  const names = new Map<string, ReadonlySet<string>>([[root, new Set([EVERY_NAME])]]);
  for (const folder of await foldersIn(root).catch(() => [])) {
    names.set(folder, new Set([...namesOfFunctions, "src"]));
    names.set(join(folder, "src"), namesOfFunctions);
  }
  return names;
}

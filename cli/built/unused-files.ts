/**
 * The end of built files, and of the code that V8 compiled.
 *
 * I1  The folder of a build has a file for each process that was started from it, with its pid as name. It stays while one of them
 *     runs: they may load more files of it.
 * I2  A start renews the date of its build's folder by that file, and the date of the last access to the code that it reads. Where
 *     the file system keeps no dates of access, code is made again after `UNUSED_MS`.
 */
import { type Dirent, readdirSync, rmdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

/** As long as the files of nodes (runtime/isolate/image/built-file.ts). */
const UNUSED_MS = 30 * 86_400_000;
/** A younger build may be of another start, which has not noted its process yet. */
const YOUNG_MS = 60_000;

/** Removes the builds of a narun that `kept` has replaced. */
export function removeReplaced(folder: string, kept: string): void {
  for (const path of foldersIn(folder)) {
    if (path !== kept && ageMs(path, "mtimeMs") >= YOUNG_MS) removeIfIdle(path);
  }
}

/** Removes the builds of any narun that were not started for long, and such code of sources. */
export function removeUnused(builds: string, compiled: string): void {
  for (const folder of foldersIn(builds)) {
    const unused = foldersIn(folder).filter((path) => ageMs(path, "mtimeMs") >= UNUSED_MS);
    for (const path of unused) removeIfIdle(path);
    if (unused.length > 0 && foldersIn(folder).length === 0) rmSync(folder, { recursive: true, force: true });
  }
  // Node has a folder for each of its versions.
  for (const folder of foldersIn(compiled)) {
    const paths = entriesOf(folder).map(({ name }) => join(folder, name));
    const unused = paths.filter((path) => ageMs(path, "mtimeMs", "atimeMs") >= UNUSED_MS);
    for (const path of unused) rmSync(path, { force: true });
    if (unused.length === paths.length) removeEmpty(folder);
  }
}

function removeIfIdle(build: string): void {
  if (!entriesOf(build).some(({ name }) => isRunningPid(name)))
    rmSync(build, { recursive: true, force: true });
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Another process has put a file there.
  }
}

/** The time since the last of these dates. 0 for a file that another process removes at this moment. */
function ageMs(path: string, ...dates: ("mtimeMs" | "atimeMs")[]): number {
  const state = statSync(path, { throwIfNoEntry: false });
  return state === undefined ? 0 : Date.now() - Math.max(...dates.map((date) => state[date]));
}

function foldersIn(folder: string): string[] {
  return entriesOf(folder).flatMap((entry) => (entry.isDirectory() ? [join(folder, entry.name)] : []));
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    // Another process removes it, or it was never made.
    return [];
  }
}

function isRunningPid(name: string): boolean {
  if (!/^\d+$/.test(name)) return false;
  try {
    process.kill(Number(name), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

import { type FSWatcher, type Stats, statSync, watch } from "node:fs";
import { basename, join, sep } from "node:path";
import { EVERY_NAME, type WatchedNames } from "./watched-names.ts";

/** Tells of changes of names in folders. Folders, not files: editors replace a file by renaming another over it. */
export interface FolderWatch {
  /**
   * Watches these names in these folders and nothing else, as far as the folders exist. True where one of them was not
   * watched until now, or was removed and made anew: what changed there before is not told.
   */
  watchOnly(names: WatchedNames): boolean;
  [Symbol.dispose](): void;
}

interface Watched {
  watcher: FSWatcher;
  inode: number;
}

/** A folder that cannot be read, or that goes in this moment, has nothing that could be watched. */
const UNWATCHABLE = new Set(["ENOENT", "ENOTDIR", "EACCES", "EPERM"]);

/** `onChange` is called for every change, often several times for one. */
export function createFolderWatch(onChange: () => void): FolderWatch {
  const watched = new Map<string, Watched>();
  let wanted: WatchedNames = new Map();
  const forget = (folder: string) => {
    watched.get(folder)?.watcher.close();
    watched.delete(folder);
  };
  /** Another folder may have the name now, and even the inode: the watch of the one before stays silent. */
  const forgetBelow = (path: string) => {
    for (const folder of watched.keys()) {
      if (folder === path || folder.startsWith(path + sep)) forget(folder);
    }
  };

  const start = (folder: string, { ino }: Stats) => {
    const watcher = watch(folder, (event, file) => {
      // The end of the folder itself comes under its own name.
      const isOwnEnd = file === null || (event === "rename" && file === basename(folder));
      if (isOwnEnd) forgetBelow(folder);
      else if (event === "rename") forgetBelow(join(folder, file));
      if (isOwnEnd || isWanted(folder, file)) onChange();
    });
    // A folder that vanished is no error: the build says what is missing.
    watcher.on("error", () => {
      forget(folder);
      onChange();
    });
    watched.set(folder, { watcher, inode: ino });
  };
  const isWanted = (folder: string, file: string) => {
    const names = wanted.get(folder);
    return names?.has(file) === true || (names?.has(EVERY_NAME) === true && !isNoise(file));
  };

  return {
    watchOnly(names) {
      let isAnyNew = false;
      wanted = names;
      for (const folder of watched.keys()) if (!names.has(folder)) forget(folder);
      for (const folder of names.keys()) {
        try {
          const found = statSync(folder, { throwIfNoEntry: false });
          if (found?.ino === watched.get(folder)?.inode) continue;
          forget(folder);
          if (!found?.isDirectory()) continue;
          start(folder, found);
          isAnyNew = true;
        } catch (error) {
          if (!UNWATCHABLE.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
          forget(folder);
        }
      }
      return isAnyNew;
    },
    [Symbol.dispose]() {
      for (const folder of [...watched.keys()]) forget(folder);
    },
  };
}

/** What editors and narun itself write beside the sources. */
function isNoise(file: string): boolean {
  return file.startsWith(".") || file.endsWith("~");
}

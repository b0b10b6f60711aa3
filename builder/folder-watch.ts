import { type FSWatcher, type Stats, statSync, watch } from "node:fs";
import { basename, join, sep } from "node:path";
import { EVERY_NAME, type WatchedNames } from "./watched-names.ts";

/** Watches names in folders. It watches folders and not files, because editors replace a file by a rename. */
export interface FolderWatch {
  /**
   * Watches exactly these names in the existing ones of these folders. True if a folder is watched only from now on, because
   * it is new here or was removed and made again. Earlier changes in such a folder went unseen.
   */
  watchOnly(names: WatchedNames): boolean;
  [Symbol.dispose](): void;
}

interface Watched {
  watcher: FSWatcher;
  inode: number;
}

/** A folder that cannot be read, or that vanishes at this moment, cannot be watched. */
const UNWATCHABLE = new Set(["ENOENT", "ENOTDIR", "EACCES", "EPERM"]);

/** `onChange` is called for every change, often several times for one change. */
export function createFolderWatch(onChange: () => void): FolderWatch {
  const watched = new Map<string, Watched>();
  let wanted: WatchedNames = new Map();
  const forget = (folder: string) => {
    watched.get(folder)?.watcher.close();
    watched.delete(folder);
  };
  /** A new folder may have the same name, and even the same inode. The watch of the former folder stays silent then. */
  const forgetBelow = (path: string) => {
    for (const folder of watched.keys()) {
      if (folder === path || folder.startsWith(path + sep)) forget(folder);
    }
  };

  const start = (folder: string, { ino }: Stats) => {
    const watcher = watch(folder, (event, file) => {
      // The removal of the folder itself is reported under its own name.
      const isOwnEnd = file === null || (event === "rename" && file === basename(folder));
      if (isOwnEnd) forgetBelow(folder);
      else if (event === "rename") forgetBelow(join(folder, file));
      if (isOwnEnd || isWanted(folder, file)) onChange();
    });
    // A vanished folder is no error here: the build reports the missing file.
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

/** Files that editors and narun itself write beside the sources. */
function isNoise(file: string): boolean {
  return file.startsWith(".") || file.endsWith("~");
}

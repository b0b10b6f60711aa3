import { type FSWatcher, type Stats, statSync, watch } from "node:fs";

/** Tells of changes in a set of folders. Folders, not files: editors replace a file by renaming another over it. */
export interface FolderWatch {
  /**
   * Watches these folders and no others, as far as they exist. True where one of them was not watched until now, or was
   * removed and made anew: what changed there before is not told.
   */
  watchOnly(folders: ReadonlySet<string>): boolean;
  [Symbol.dispose](): void;
}

interface Watched {
  watcher: FSWatcher;
  inode: number;
}

/** `onChange` is called for every change, often several times for one. */
export function createFolderWatch(onChange: () => void): FolderWatch {
  const watched = new Map<string, Watched>();
  const forget = (folder: string) => {
    watched.get(folder)?.watcher.close();
    watched.delete(folder);
  };

  const start = (folder: string, { ino }: Stats) => {
    const watcher = watch(folder, (_event, file) => {
      if (file === null || !isNoise(file)) onChange();
    });
    // A folder that vanished is no error: the build says what is missing.
    watcher.on("error", () => {
      forget(folder);
      onChange();
    });
    watched.set(folder, { watcher, inode: ino });
  };

  return {
    watchOnly(folders) {
      let isAnyNew = false;
      for (const folder of watched.keys()) if (!folders.has(folder)) forget(folder);
      for (const folder of folders) {
        const found = statSync(folder, { throwIfNoEntry: false });
        if (found?.ino === watched.get(folder)?.inode) continue;
        // The watch of a folder that was removed stays silent when another takes its name.
        forget(folder);
        if (found === undefined) continue;
        start(folder, found);
        isAnyNew = true;
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

/**
 * Folders for the files that narun makes: data, keys, builds. Git does not see them, also without a .gitignore of the
 * author.
 */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

const OWN_NAME = ".narun";

/**
 * Makes a folder and the folders above it. The `.narun` that it lies in gets a .gitignore of its own; elsewhere the
 * folder itself gets one if it is new or empty, as one with files may have the author's.
 */
export async function makeOwnFolder(path: string): Promise<void> {
  const folder = resolve(path);
  await mkdir(folder, { recursive: true });
  const isEmpty = (await readdir(folder)).length === 0;
  const own = ownFolderAbove(folder) ?? (isEmpty ? folder : undefined);
  if (own === undefined) return;
  await writeFile(join(own, ".gitignore"), "*\n", { flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

function ownFolderAbove(folder: string): string | undefined {
  if (basename(folder) === OWN_NAME) return folder;
  return dirname(folder) === folder ? undefined : ownFolderAbove(dirname(folder));
}

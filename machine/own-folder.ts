/**
 * Folders for the files that narun makes: data, keys, builds. Git does not see them, also without a .gitignore of the
 * author.
 */
import { existsSync } from "node:fs";
import { access, mkdir, readdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { NarunError } from "../contracts/index.ts";
import { errnoOf } from "./errno.ts";

const OWN_NAME = ".narun";

/**
 * Makes a folder and the folders above it. The `.narun` that it lies in gets a .gitignore of its own; elsewhere the
 * folder itself gets one if it is new or empty, as one with files may have the author's. Error: FOLDER_UNUSABLE.
 */
export async function makeOwnFolder(path: string): Promise<void> {
  const folder = resolve(path);
  try {
    await makeFolders(folder);
    const isEmpty = (await readdir(folder)).length === 0;
    const own = ownFolderAbove(folder) ?? (isEmpty ? folder : undefined);
    if (own !== undefined) await writeFile(join(own, ".gitignore"), "*\n", { flag: "wx" });
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw unusableFolder(folder, error);
  }
}

/** FOLDER_UNUSABLE for an error of the file system; any other error as it is. */
export function unusableFolder(folder: string, error: unknown): unknown {
  const errno = errnoOf(error);
  if (errno === undefined || error instanceof NarunError) return error;
  return new NarunError("FOLDER_UNUSABLE", { detail: `${folder} (${errno})` }, { cause: error });
}

/**
 * Makes a folder and the folders above it. Rejects with the error of the file system. Node's own `recursive` tries for ever where
 * a parent that exists answers ENOENT, as /proc does (Node 26.10).
 */
export async function makeFolders(folder: string): Promise<void> {
  const make = () => mkdir(folder).then(() => undefined, errnoOf);
  const failure = await make();
  if (failure === "ENOENT" && !existsSync(dirname(folder))) {
    await makeFolders(dirname(folder));
    await mkdir(folder, { recursive: true });
    return;
  }
  if (failure === undefined) return;
  // It may be that of another process, of this very moment. A file in its place is ENOTDIR.
  if (failure === "EEXIST") return access(`${folder}/.`);
  await mkdir(folder);
}

function ownFolderAbove(folder: string): string | undefined {
  if (basename(folder) === OWN_NAME) return folder;
  return dirname(folder) === folder ? undefined : ownFolderAbove(dirname(folder));
}

import { chmod, chown, mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { KeptFile, MountedFile } from "../../host.ts";

/** The folder of a program's temporary files, in its own. */
export const TMP = ".tmp";

export interface InstanceFolderOptions {
  /** The folder of all programs of the node. */
  folder: string;
  instance: string;
  /** The program's file, and its name: interpreters look at its ending. */
  program: KeptFile;
  file: string;
  files?: readonly MountedFile[] | undefined;
  /** Default: the node's own user. */
  owner?: { uid: number; gid: number } | undefined;
}

/**
 * Makes the folder of an instance, with its program, its files and a folder for temporary files; returns its path. Throws where
 * a mount would take the program's place.
 */
export async function makeInstanceFolder(options: InstanceFolderOptions): Promise<string> {
  const { folder, instance, program, file, files = [], owner } = options;
  const root = join(folder, instance);
  const taken = files.find(({ path }) => path.split("/")[0] === basename(file));
  if (taken !== undefined)
    throw new Error(`the mount ${taken.path} is at the place of the program's own file, ${basename(file)}`);
  const made = [root, join(root, TMP), join(root, basename(file))];
  await mkdir(join(root, TMP), { recursive: true, mode: 0o700 });
  for (const { path, file: content } of files) {
    await mkdir(dirname(join(root, path)), { recursive: true, mode: 0o700 });
    await put(content, join(root, path), 0o600);
    made.push(...foldersAbove(path).map((above) => join(root, above)), join(root, path));
  }
  await put(program, join(root, basename(file)), 0o700);
  if (owner !== undefined) for (const path of made) await chown(path, owner.uid, owner.gid);
  return root;
}

async function put(file: KeptFile, path: string, mode: number): Promise<void> {
  await file.copyTo(path);
  await chmod(path, mode);
}

/** The folders that a relative path leads through. */
function foldersAbove(path: string): string[] {
  const above = dirname(path);
  return above === "." ? [] : [...foldersAbove(above), above];
}

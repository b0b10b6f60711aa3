import { chown, mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";

/** The folder of a program's temporary files, in its own. */
export const TMP = ".tmp";

export interface InstanceFolderOptions {
  /** The folder of all programs of the node. */
  folder: string;
  instance: string;
  /** The program's file, and its name: interpreters look at its ending. */
  bytes: Uint8Array;
  file: string;
  /** Default: the node's own user. */
  owner?: { uid: number; gid: number } | undefined;
}

/** Makes the folder of an instance, with its program and a folder for temporary files; returns its path. */
export async function makeInstanceFolder({
  folder,
  instance,
  bytes,
  file,
  owner,
}: InstanceFolderOptions): Promise<string> {
  const root = join(folder, instance);
  await mkdir(join(root, TMP), { recursive: true, mode: 0o700 });
  await writeFile(join(root, basename(file)), bytes, { mode: 0o700 });
  if (owner !== undefined)
    for (const path of [root, join(root, TMP), join(root, basename(file))])
      await chown(path, owner.uid, owner.gid);
  return root;
}

import { spawnSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A small file system that can be filled. */
export interface SmallDisk extends AsyncDisposable {
  readonly dir: string;
  /** Fills the file system to the last byte. The returned function makes room again. */
  fill(): () => void;
  resize(megabytes: number): void;
}

/** Whether this process may mount a file system, as root outside of most containers can. */
export async function canMountDisk(): Promise<boolean> {
  const disk = await mountSmallDisk(1).catch(() => undefined);
  await disk?.[Symbol.asyncDispose]();
  return disk !== undefined;
}

export async function mountSmallDisk(megabytes: number): Promise<SmallDisk> {
  const dir = await mkdtemp(join(tmpdir(), "narun-test-disk-"));
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", dir]);
  if (status !== 0) {
    await rm(dir, { recursive: true });
    throw new Error("a file system cannot be mounted here");
  }
  return {
    dir,
    fill() {
      const file = join(dir, "fill");
      const fd = openSync(file, "w");
      for (const size of [65_536, 512]) writeUntilFull(fd, size);
      closeSync(fd);
      return () => rmSync(file);
    },
    resize(to) {
      const size = spawnSync("mount", ["-o", `remount,size=${to}m`, dir]);
      if (size.status !== 0) throw new Error(`the file system takes no other size: ${size.stderr}`);
    },
    async [Symbol.asyncDispose]() {
      spawnSync("umount", ["-l", dir]);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function writeUntilFull(fd: number, size: number): void {
  const bytes = Buffer.alloc(size);
  try {
    while (writeSync(fd, bytes) === size);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
  }
}

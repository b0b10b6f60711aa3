/** Files that appear whole, or not at all: written beside their place, then renamed. */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";

/** Replaces a file. It is for its owner only. */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    await writeFile(temporary, bytes, { mode: 0o600 });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** The same at once. Default of `mode`: everyone may read it, as far as the umask allows. */
export function writeWholeSync(path: string, content: string | Uint8Array, mode?: number): void {
  const temporary = temporaryOf(path);
  try {
    writeFileSync(temporary, content, { mode });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** A name beside the file that no other process uses. */
export function temporaryOf(path: string): string {
  return `${path}.${crypto.randomUUID()}.tmp`;
}

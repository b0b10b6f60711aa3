import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export interface WorkFolder extends AsyncDisposable {
  readonly dir: string;
  path(file: string): string;
  write(file: string, text: string | Uint8Array): Promise<void>;
}

/** A folder for a test, with files in it. */
export async function createWorkFolder(files: Record<string, string> = {}): Promise<WorkFolder> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), "narun-cli-")));
  const path = (file: string) => join(dir, file);
  const write = async (file: string, text: string | Uint8Array) => {
    await mkdir(dirname(path(file)), { recursive: true });
    await writeFile(path(file), text);
  };
  for (const [file, text] of Object.entries(files)) await write(file, text);
  return {
    dir,
    path,
    write,
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true, maxRetries: 3 }),
  };
}

/** Source of a function that answers a text. */
export function answering(text: string): string {
  return `export default () => new Response(${JSON.stringify(text)});\n`;
}

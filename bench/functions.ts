import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface FunctionSource {
  name: string;
  code: string;
  /** The text of its `narun.yaml`. */
  config: string;
  /** Further files, by name. */
  files?: Readonly<Record<string, string>>;
}

export const HELLO = `export default () => new Response("Hello, world!");\n`;

/** Writes functions into a folder of its own, which is deleted when it is disposed. */
export async function writeFunctions(
  functions: readonly FunctionSource[],
): Promise<{ folder: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "narun-bench-functions-"));
  for (const { name, code, config, files = {} } of functions) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, "index.ts"), code);
    await writeFile(join(folder, name, "narun.yaml"), config);
    for (const [file, text] of Object.entries(files)) await writeFile(join(folder, name, file), text);
  }
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

export interface ManyFunctions extends AsyncDisposable {
  folder: string;
  names: readonly string[];
}

/** Writes functions that say hello. `idleSeconds`: how long an instance waits for its next request. */
export async function writeMany(count: number, idleSeconds = 0.1): Promise<ManyFunctions> {
  const names = Array.from({ length: count }, (_, index) => `many${index}`);
  const config = `scale: { idleSeconds: ${idleSeconds} }\n`;
  return { ...(await writeFunctions(names.map((name) => ({ name, code: HELLO, config })))), names };
}

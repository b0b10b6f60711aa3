import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface FunctionSource {
  name: string;
  code: string;
  /** The text of its `narun.yaml`. */
  config: string;
}

export const HELLO = `export default () => new Response("Hello, world!");\n`;

/** Writes functions into a folder of its own, which is deleted when it is disposed. */
export async function writeFunctions(
  functions: readonly FunctionSource[],
): Promise<{ folder: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "narun-bench-functions-"));
  for (const { name, code, config } of functions) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, "index.ts"), code);
    await writeFile(join(folder, name, "narun.yaml"), config);
  }
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

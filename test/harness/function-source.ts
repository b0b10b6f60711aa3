import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Build, buildFunction } from "../../builder/index.ts";

/** A function's source: the text of its `index.ts`, or its files by name. */
export type Source = string | Record<string, string | Uint8Array>;

const packages = fileURLToPath(new URL("../../node_modules", import.meta.url));

/** Builds a function like an author: from a folder with its files and a `narun.yaml`. The folder is deleted after the build. */
export async function buildSource(
  name: string,
  source: Source,
  config: Record<string, unknown> = {},
): Promise<Build> {
  const parent = await mkdtemp(join(tmpdir(), "narun-test-source-"));
  try {
    const dir = join(parent, name);
    await mkdir(dir);
    // A source may import the installed packages of this repository.
    await symlink(packages, join(parent, "node_modules"), "dir");
    const files = typeof source === "string" ? { "index.ts": source } : source;
    for (const [file, text] of Object.entries(files)) await writeFile(join(dir, file), text);
    // JSON is YAML.
    await writeFile(join(dir, "narun.yaml"), JSON.stringify({ name, ...config }));
    return await buildFunction(dir, { write: false });
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
}

import { mkdir, mkdtemp, realpath, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { buildFunction } from "../build.ts";
import type { Build } from "../build-result.ts";

export interface SourceFolder extends AsyncDisposable {
  readonly dir: string;
  /** Writes a file in one step, so that readers never see half of it. */
  write(file: string, content: string | Uint8Array): Promise<void>;
  path(file: string): string;
}

/** The folder of a function, for one test. Its name is `name`, in a folder of its own. */
export async function createSourceFolder(
  files: Record<string, string | Uint8Array>,
  name = "hello",
): Promise<SourceFolder> {
  const parent = await realpath(await mkdtemp(join(tmpdir(), "narun-builder-")));
  const dir = join(parent, name);
  const path = (file: string) => join(dir, file);
  const write = async (file: string, content: string | Uint8Array) => {
    const hidden = join(dirname(path(file)), `.${basename(file)}.tmp`);
    await mkdir(dirname(path(file)), { recursive: true });
    await writeFile(hidden, content);
    await rename(hidden, path(file));
  };
  await mkdir(dir);
  for (const [file, content] of Object.entries(files)) await write(file, content);
  return {
    dir,
    path,
    write,
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }),
  };
}

/** A build of a function that answers with its name and `text`; `config` is more of narun.yaml. */
export async function buildOf(name: string, text = "hello", config = ""): Promise<Build> {
  await using folder = await createSourceFolder({
    "index.ts": `export default () => new Response(${JSON.stringify(`${name} ${text}`)});`,
    "narun.yaml": `name: ${name}\n${config}`,
  });
  // Awaited here: the folder is removed at the end of this function.
  return await buildFunction(folder.dir, { write: false });
}

/** The exports of a build's bundle. */
export async function evaluate({ bundle }: Pick<Build, "bundle">): Promise<Record<string, unknown>> {
  return import(`data:text/javascript;base64,${Buffer.from(bundle).toString("base64")}`);
}

/** The rejection reason of a promise. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error("it did not reject");
    },
    (error: unknown) => error,
  );
}

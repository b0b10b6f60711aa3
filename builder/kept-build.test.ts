import { mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { eventually } from "../test/harness/eventually.ts";
import { buildFunction } from "./build.ts";
import type { Build } from "./build-result.ts";
import { createSourceFolder, type SourceFolder } from "./testing/source-folder.ts";

const SOURCES = {
  "index.ts": `import { text } from "./lib/text";
import pad from "pad";
export default () => new Response(pad(text));`,
  "lib/text.js": `export const text = "text";`,
  "narun.yaml": "env: [{ name: A, value: b }]\n",
  "narun-env.d.ts": "// old",
  "versions/one/index.js": "export default (text) => text;",
  "versions/two/index.js": "export default (text) => text + 2;",
};

async function createFolder(): Promise<SourceFolder> {
  const folder = await createSourceFolder(SOURCES);
  await mkdir(folder.path("node_modules"));
  await symlink(folder.path("versions/one"), folder.path("node_modules/pad"));
  return folder;
}

/** Builds, and tells whether that wrote a build. */
async function build({ dir, path }: SourceFolder): Promise<{ build: Build; isNew: boolean }> {
  const writtenAt = () =>
    stat(path(".narun/build/hello/manifest.json")).then(
      ({ ctimeMs }) => ctimeMs,
      () => undefined,
    );
  const before = await writtenAt();
  const built = await buildFunction(dir);
  return { build: built, isNew: (await writtenAt()) !== before };
}

/** A build that reads a file that was written this moment is not kept. */
const keep = (folder: SourceFolder) =>
  eventually(async () => {
    const { build: built, isNew } = await build(folder);
    expect(isNew).toBe(false);
    return built;
  });

const write = async ({ path }: SourceFolder, file: string, text: string) => {
  await mkdir(dirname(path(file)), { recursive: true });
  await writeFile(path(file), text);
};

test("the build of an unchanged function is used again, whole", async () => {
  await using folder = await createFolder();
  const { build: first } = await build(folder);
  expect({ ...(await keep(folder)), elapsedMs: 0 }).toEqual({ ...first, elapsedMs: 0 });
});

test.each<[string, (folder: SourceFolder) => Promise<unknown>]>([
  ["an edit", (folder) => write(folder, "lib/text.js", `export const text = "next";`)],
  ["an edit of its configuration", (folder) => write(folder, "narun.yaml", "env: []\n")],
  [
    "a file that an import finds first",
    (folder) => write(folder, "lib/text.ts", `export const text = "ts";`),
  ],
  [
    "a folder that an import finds",
    (folder) =>
      rm(folder.path("lib/text.js")).then(() =>
        write(folder, "lib/text/index.js", `export const text = "deep";`),
      ),
  ],
  [
    "an entry that comes first",
    (folder) =>
      rm(folder.path("index.ts")).then(() =>
        write(folder, "index.js", "export default () => new Response();"),
      ),
  ],
  [
    "settings of the compiler",
    (folder) =>
      write(
        folder,
        "tsconfig.json",
        `{ "compilerOptions": { "paths": { "pad": ["./versions/two/index.js"] } } }`,
      ),
  ],
  [
    "another version of a linked package",
    async (folder) => {
      await rm(folder.path("node_modules/pad"));
      await symlink(folder.path("versions/two"), folder.path("node_modules/pad"));
    },
  ],
  ["a damaged bundle", (folder) => write(folder, ".narun/build/hello/bundle.js", "")],
  ["a damaged record", (folder) => write(folder, ".narun/build/made-of.json", "{")],
  ["types that are no longer its own", (folder) => write(folder, "narun-env.d.ts", "// edited")],
])("%s makes a new build", async (_, change) => {
  await using folder = await createFolder();
  await keep(folder);
  await change(folder);
  const { build: next, isNew } = await build(folder);
  expect(isNew).toBe(true);
  expect(next.revision).toBe((await buildFunction(folder.dir, { write: false })).revision);
  expect(await readFile(folder.path("narun-env.d.ts"), "utf8")).toContain("Written by");
});

test("a function that does not build any more fails", async () => {
  await using folder = await createFolder();
  await keep(folder);
  await write(folder, "index.ts", "nonsense is no code");
  await expect(buildFunction(folder.dir)).rejects.toMatchObject({ code: "BUILD_FAILED" });
  await expect(buildFunction(folder.dir)).rejects.toMatchObject({ code: "BUILD_FAILED" });
});

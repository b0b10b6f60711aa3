import { mkdir, rename, rm, symlink } from "node:fs/promises";
import { expect, test } from "vitest";
import { createSourceFolder, type SourceFolder } from "./testing/source-folder.ts";
import { startWatch } from "./testing/watch.ts";

const answering = (module: string) => `import { a } from "${module}"; export default () => a;`;
const exporting = (text: string) => `export const a = "${text}";`;
const PACKAGE = JSON.stringify({ name: "@acme/built", type: "module", exports: "./dist/esm/index.js" });

/** A function in a workspace, which imports a package that is linked to a folder beside it. */
async function createWorkspace(files: Record<string, string>): Promise<SourceFolder> {
  const folder = await createSourceFolder({
    "index.ts": answering("@acme/built"),
    "../packages/built/package.json": PACKAGE,
    ...files,
  });
  await link(folder);
  return folder;
}

async function link(folder: SourceFolder): Promise<void> {
  await mkdir(folder.path("../node_modules/@acme"), { recursive: true });
  await symlink("../../packages/built", folder.path("../node_modules/@acme/built"));
}

const remove = (folder: SourceFolder, path: string) => rm(folder.path(path), { recursive: true });

test("a linked package that is built anew is seen, and what changes in it afterwards", async () => {
  const file = "../packages/built/dist/esm/index.js";
  await using folder = await createWorkspace({ [file]: exporting("first") });
  await using watch = startWatch(folder);
  expect(await watch.nextCode()).toContain("first");
  for (const round of ["second", "third"]) {
    await remove(folder, "../packages/built/dist");
    await watch.nextError();
    await folder.write(file, exporting(round));
    await watch.codeWith(round);
    await folder.write(file, exporting(`${round} and more`));
    await watch.codeWith(`${round} and more`);
  }
});

test("a linked package is built anew without a moment in which the bundler misses it", async () => {
  const file = "../packages/built/dist/esm/index.js";
  await using folder = await createWorkspace({ [file]: exporting("first") });
  await using watch = startWatch(folder);
  await watch.nextCode();
  await remove(folder, "../packages/built/dist");
  await folder.write(file, exporting("second"));
  await watch.codeWith("second");
  await folder.write(file, exporting("third"));
  await watch.codeWith("third");
});

test("a linked package that was never built is seen when it is", async () => {
  await using folder = await createWorkspace({});
  await using watch = startWatch(folder);
  await watch.nextError();
  await mkdir(folder.path("../packages/built/dist/esm"), { recursive: true });
  await folder.write("../packages/built/dist/esm/index.js", exporting("built"));
  await watch.codeWith("built");
});

test("the package.json of a linked package counts", async () => {
  await using folder = await createWorkspace({
    "../packages/built/dist/esm/index.js": exporting("first"),
    "../packages/built/lib/index.js": exporting("second"),
  });
  await using watch = startWatch(folder);
  await watch.nextCode();
  await folder.write("../packages/built/package.json", PACKAGE.replace("dist/esm", "lib"));
  await watch.codeWith("second");
});

test("a package that is not there is seen when it is linked", async () => {
  await using folder = await createSourceFolder({
    "index.ts": answering("@acme/built"),
    "../packages/built/package.json": PACKAGE,
    "../packages/built/dist/esm/index.js": exporting("linked"),
  });
  await using watch = startWatch(folder);
  expect((await watch.nextError()).fields.issues).toMatchObject([{ hint: "npm install @acme/built" }]);
  await link(folder);
  await watch.codeWith("linked");
});

test("an installed package is seen when its installation has ended", async () => {
  await using folder = await createSourceFolder({
    "index.ts": answering("pad"),
    "../node_modules/pad/index.js": exporting("first"),
    "../node_modules/.package-lock.json": "{}",
  });
  await using watch = startWatch(folder);
  await watch.nextCode();
  await folder.write("../node_modules/pad/index.js", exporting("second"));
  await folder.write("../node_modules/.package-lock.json", '{ "packages": {} }');
  await watch.codeWith("second");
});

test("a tsconfig.json that is extended from outside the folder counts, as does one that it extends", async () => {
  const paths = (to: string) => JSON.stringify({ compilerOptions: { paths: { "@lib/*": [`./${to}/*`] } } });
  await using folder = await createSourceFolder({
    "index.ts": answering("@lib/a"),
    "tsconfig.json": '{ /* shared */ "extends": "../config/base.json", }',
    "../config/base.json": '{ "extends": ["./paths"] } // and nothing else',
    "../config/paths.json": paths("one"),
    "../config/one/a.ts": exporting("first"),
    "../config/two/a.ts": exporting("second"),
  });
  await using watch = startWatch(folder);
  expect(await watch.nextCode()).toContain("first");
  await folder.write("../config/paths.json", paths("two"));
  await watch.codeWith("second");
  await folder.write("../config/paths.json", paths("three"));
  await watch.nextError();
  await mkdir(folder.path("../config/three"));
  await folder.write("../config/three/a.ts", exporting("third"));
  await watch.codeWith("third");
});

test("a tsconfig.json that appears above the folder counts", async () => {
  await using folder = await createSourceFolder({
    "index.ts": answering("@lib/a"),
    "../lib/a.ts": exporting("found"),
  });
  await using watch = startWatch(folder);
  await watch.nextError();
  await folder.write("../tsconfig.json", '{ "compilerOptions": { "paths": { "@lib/*": ["./lib/*"] } } }');
  await watch.codeWith("found");
});

test("a folder of sources outside goes and comes back, as when a branch is switched", async () => {
  const files = { "../shared/deep/a.ts": exporting("first") };
  await using folder = await createSourceFolder({ "index.ts": answering("../shared/deep/a.ts"), ...files });
  await using watch = startWatch(folder);
  await watch.nextCode();
  await rename(folder.path("../shared"), folder.path("../away"));
  await watch.nextError();
  await folder.write("../other/deep/a.ts", exporting("second"));
  await rename(folder.path("../other"), folder.path("../shared"));
  await watch.codeWith("second");
  await folder.write("../shared/deep/a.ts", exporting("third"));
  await watch.codeWith("third");
});

test("the function's own folder goes and comes back", async () => {
  await using folder = await createSourceFolder({ "index.ts": "export default () => 'first';" });
  await using watch = startWatch(folder);
  await watch.nextCode();
  await rm(folder.dir, { recursive: true });
  await watch.nextError();
  await folder.write("index.ts", "export default () => 'second';");
  await watch.codeWith("second");
});

test("an error that is mended in another file than the one that has it is seen", async () => {
  await using folder = await createSourceFolder({ "index.ts": "export default () => 'first';" });
  await using watch = startWatch(folder);
  await watch.nextCode();
  await folder.write("../new/a.ts", "export const b = 1;");
  await folder.write("index.ts", answering("../new/a.ts"));
  expect((await watch.nextError()).message).toContain("No matching export");
  await folder.write("../new/a.ts", exporting("second"));
  await watch.codeWith("second");
});

test("a link that leads elsewhere is followed", async () => {
  await using folder = await createSourceFolder({
    "index.ts": answering("../current/lib/a.ts"),
    "../releases/1/lib/a.ts": exporting("first"),
    "../releases/2/lib/a.ts": exporting("second"),
  });
  const turnTo = async (release: string) => {
    await symlink(`releases/${release}`, folder.path("../next"));
    await rename(folder.path("../next"), folder.path("../current"));
  };
  await turnTo("1");
  await using watch = startWatch(folder);
  await watch.nextCode();
  await turnTo("2");
  await watch.codeWith("second");
});

import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { createSourceFolder } from "./testing/source-folder.ts";
import { startWatch } from "./testing/watch.ts";
import { watchFunction } from "./watch.ts";

const handler = (text: string) => `export default () => ${JSON.stringify(text)};`;

test("builds at once, and after every change of any of its files", async () => {
  await using folder = await createSourceFolder({
    "index.ts": 'import { a } from "./lib/deep/a.ts"; export default () => a + "1";',
    "lib/deep/a.ts": 'export const a = "first";',
  });
  await using watch = startWatch(folder);
  expect(await watch.nextCode()).toContain("first");
  await folder.write("lib/deep/a.ts", 'export const a = "second";');
  expect(await watch.nextCode()).toContain("second");
  await folder.write("index.ts", handler("third"));
  expect(await watch.nextCode()).toContain("third");
});

test("a file outside the folder is watched, too", async () => {
  await using folder = await createSourceFolder({
    "index.ts": 'import { a } from "../shared/a.ts"; export default () => a;',
    "../shared/a.ts": 'export const a = "first";',
  });
  await using watch = startWatch(folder);
  expect(await watch.nextCode()).toContain("first");
  await folder.write("../shared/a.ts", 'export const a = "second";');
  expect(await watch.nextCode()).toContain("second");
});

test("a file that an editor writes in place is built as it is in the end", async () => {
  await using folder = await createSourceFolder({ "index.ts": handler("first") });
  await using watch = startWatch(folder);
  await watch.nextCode();
  await writeFile(folder.path("index.ts"), handler("second"));
  // In between the file is empty; whether that is seen depends on the moment.
  const code = await watch.nextCode().catch(() => watch.nextCode());
  expect(code).toContain("second");
});

test("a folder that is replaced as a whole stays watched", async () => {
  await using folder = await createSourceFolder({
    "index.ts": 'import { a } from "./lib/a.ts"; export default () => a;',
    "lib/a.ts": 'export const a = "first";',
  });
  await using watch = startWatch(folder);
  await watch.nextCode();
  await rm(folder.path("lib"), { recursive: true });
  expect((await watch.nextError()).code).toBe("BUILD_FAILED");
  await mkdir(folder.path("new"));
  await folder.write("new/a.ts", 'export const a = "second";');
  await rename(folder.path("new"), folder.path("lib"));
  expect(await watch.nextCode()).toContain("second");
  await folder.write("lib/a.ts", 'export const a = "third";');
  expect(await watch.nextCode()).toContain("third");
});

test("a syntax error is reported, with its place, and mended", async () => {
  await using folder = await createSourceFolder({
    "index.ts": 'import { a } from "./lib/a.ts"; export default () => a;',
    "lib/a.ts": 'export const a = "first";',
  });
  await using watch = startWatch(folder);
  await watch.nextCode();
  await folder.write("lib/a.ts", "export const a = ;");
  expect(await watch.nextError()).toMatchObject({
    code: "BUILD_FAILED",
    fields: { issues: [{ line: 1, column: 18 }] },
  });
  // Mended as it was: the same revision as before the error, and told nevertheless.
  await folder.write("lib/a.ts", 'export const a = "first";');
  expect(await watch.nextCode()).toContain("first");
});

test("a function that is broken from the start is watched, in every folder that matters", async () => {
  await using folder = await createSourceFolder({
    "index.ts": 'import { a } from "./lib/a.ts"; export default () => a;',
    "lib/a.ts": 'import { b } from "./more/b.ts"; export const a = b;',
    "lib/more/other.ts": "",
  });
  await using watch = startWatch(folder);
  expect((await watch.nextError()).fields.issues).toMatchObject([{ module: "./more/b.ts" }]);
  await folder.write("lib/more/b.ts", 'export const b = "found";');
  expect(await watch.nextCode()).toContain("found");
});

test("an entry without a handler is watched where it is", async () => {
  await using folder = await createSourceFolder({ "src/index.ts": "export {};" });
  await using watch = startWatch(folder);
  expect((await watch.nextError()).code).toBe("NO_HANDLER");
  await folder.write("src/index.ts", handler("now"));
  expect(await watch.nextCode()).toContain("now");
});

test("narun.yaml is watched: its errors, the entry, the configuration", async () => {
  await using folder = await createSourceFolder({ "index.ts": handler("index"), "main.ts": handler("main") });
  await using watch = startWatch(folder);
  expect(await watch.nextCode()).toContain("index");
  await folder.write("narun.yaml", "entri: main.ts\n");
  expect((await watch.nextError()).fields.detail).toContain('did you mean "entry"?');
  await folder.write("narun.yaml", "entry: main.ts\n");
  expect(await watch.nextCode()).toContain("main");
  await folder.write("narun.yaml", "entry: main.ts\nenv: [{ name: A, value: b }]\n");
  expect(await watch.nextCode()).toContain("main");
});

test("what changes nothing is not reported", async () => {
  await using folder = await createSourceFolder({ "index.ts": handler("same") });
  await using watch = startWatch(folder);
  await watch.nextCode();
  await folder.write("notes.txt", "not imported");
  await folder.write("index.ts", `// a comment of no weight\n${handler("same")}`);
  const code = await watch.nextCode();
  // The source map has the comment, so it is another revision; the notes alone are none.
  expect(code).toContain("same");
  await folder.write("index.ts", handler("other"));
  expect(await watch.nextCode()).toContain("other");
  expect(watch.unread).toEqual([]);
});

test("changes during a build callback make one more build, of the last state", async () => {
  await using folder = await createSourceFolder({ "index.ts": handler("0") });
  let calls = 0;
  const gate = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  await using watch = startWatch(folder, async () => {
    if (++calls > 1) return;
    entered.resolve();
    await gate.promise;
  });
  await entered.promise;
  for (const text of ["1", "2", "3", "last"]) await folder.write("index.ts", handler(text));
  gate.resolve();
  expect(await watch.nextCode()).toContain('"0"');
  expect(await watch.nextCode()).toContain("last");
  expect(calls).toBe(2);
});

test("what the callback throws is reported, and tried again at the next save", async () => {
  await using folder = await createSourceFolder({ "index.ts": handler("same") });
  let calls = 0;
  await using watch = startWatch(folder, () => {
    if (++calls === 1) throw new Error("cannot push");
  });
  expect((await watch.nextError()).message).toBe("cannot push");
  await folder.write("index.ts", await readFile(folder.path("index.ts")));
  expect(await watch.nextCode()).toContain("same");
});

test("it ends with its signal; a folder that is not there is an error", async () => {
  await using folder = await createSourceFolder({ "index.ts": handler("x") });
  const options = { onBuild: () => undefined, onError: () => undefined };
  await expect(
    watchFunction(folder.dir, { ...options, signal: AbortSignal.abort() }),
  ).resolves.toBeUndefined();
  await expect(
    watchFunction(join(dirname(folder.dir), "none"), { ...options, signal: AbortSignal.abort() }),
  ).rejects.toMatchObject({ code: "ENTRY_NOT_FOUND" });
});

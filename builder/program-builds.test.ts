/** Programs under `narun dev`: built at each change of their folder, and at none of their own build. */
import { mkdir, readFile, rm } from "node:fs/promises";
import { expect, test } from "vitest";
import { createSourceFolder } from "./testing/source-folder.ts";
import { startWatch } from "./testing/watch.ts";

const script = (text: string) => `#!/bin/sh\necho ${text}\n`;

test("a script is built at once, and at each save", async () => {
  await using folder = await createSourceFolder({
    "narun.yaml": "mode: exec\ncommand: server.sh\n",
    "server.sh": script("first"),
  });
  await using watch = startWatch(folder);
  expect(await watch.nextCode()).toContain("first");
  await folder.write("server.sh", script("second"));
  expect(await watch.codeWith("second")).toContain("second");
  await folder.write("narun.yaml", "mode: exec\ncommand: other.sh\n");
  expect((await watch.nextError()).code).toBe("ENTRY_NOT_FOUND");
  await folder.write("other.sh", script("third"));
  expect(await watch.codeWith("third")).toContain("third");
});

test("a build command runs at a change of any source, and its own outputs cause none", async () => {
  // A hidden file counts the builds. `stamp` and `out/` are other in each build.
  const build =
    "echo run >> .runs; mkdir -p out; date +%N > out/log; date +%N > stamp; cat src/*.txt > server";
  await using folder = await createSourceFolder({
    "narun.yaml": `mode: exec\ncommand: server\nbuild: ${JSON.stringify(build)}\n`,
    "src/0.txt": "#!/bin/sh\n",
    "src/1.txt": "echo first\n",
  });
  const runs = async () => (await readFile(folder.path(".runs"), "utf8")).trim().split("\n").length;
  await using watch = startWatch(folder);
  expect(await watch.nextCode()).toContain("first");
  // The second one shows which files the command writes each time.
  expect(await runs()).toBe(2);
  for (const [n, text] of ["second", "third"].entries()) {
    await folder.write("src/1.txt", `echo ${text}\n`);
    expect(await watch.nextCode()).toContain(text);
    expect(await runs()).toBe(3 + n);
  }
  await mkdir(folder.path("src/deep"));
  await folder.write("src/2.txt", "echo new\n");
  expect(await watch.nextCode()).toContain("new");
  await rm(folder.path("src/2.txt"));
  expect(await watch.nextCode()).not.toContain("new");
  expect(await runs()).toBe(6);
  expect(watch.unread).toEqual([]);
});

test("a build that fails is told, and the correction is built", async () => {
  await using folder = await createSourceFolder({
    "narun.yaml": "mode: exec\ncommand: server\nbuild: sh make.sh\n",
    "make.sh": "echo no such thing >&2; exit 3\n",
  });
  await using watch = startWatch(folder);
  const error = await watch.nextError();
  expect([error.code, error.fields.detail]).toEqual([
    "BUILD_FAILED",
    expect.stringContaining("no such thing"),
  ]);
  await folder.write("make.sh", "printf '#!/bin/sh\\necho made\\n' > server\n");
  expect(await watch.codeWith("made")).toContain("made");
});

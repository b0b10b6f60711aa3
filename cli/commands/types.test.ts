import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { narun } from "../testing/narun.ts";
import { answering, createWorkFolder } from "../testing/work-folder.ts";

test("types are written for every function below a folder, and checked", async () => {
  await using folder = await createWorkFolder({
    "one/index.ts": answering("1"),
    "one/narun.yaml": "bindings: [{ name: CACHE, kv: cache }]\n",
    "two/index.ts": answering("2"),
  });
  const types = (...args: string[]) => narun(["types", ...args], { cwd: folder.dir });

  expect(await types("--check")).toEqual({
    code: 1,
    stdout:
      "one/narun-env.d.ts  not there yet; `narun types` writes it\ntwo/narun-env.d.ts  not there yet; `narun types` writes it\n",
    stderr: "",
  });
  const written = "one/narun-env.d.ts  written\ntwo/narun-env.d.ts  written\n";
  expect(await types()).toEqual({ code: 0, stdout: written, stderr: "" });
  expect(await readFile(folder.path("one/narun-env.d.ts"), "utf8")).toContain("readonly CACHE: KvBucket;");
  expect(await types("--check")).toMatchObject({ code: 0, stdout: expect.stringContaining("up to date") });

  await folder.write("one/narun.yaml", "bindings: [{ name: CACHE, objects: cache }]\n");
  expect(await types("one", "--check")).toMatchObject({
    code: 1,
    stdout: "one/narun-env.d.ts  out of date; `narun types one` writes it\n",
  });
  expect(await types("one", "--check", "--json")).toMatchObject({
    code: 1,
    stdout: '{"file":"one/narun-env.d.ts","changed":true,"missing":false}\n',
  });
  await folder.write("one/narun.yaml", "bindings: [{ name: CACHE, objets: cache }]\n");
  expect(await types("one")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('did you mean "objects"?'),
  });
});

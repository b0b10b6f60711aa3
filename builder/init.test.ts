import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { buildFunction } from "./build.ts";
import { loadFunction } from "./function-folder.ts";
import { initFunction } from "./init.ts";
import { writeProtoTypes } from "./proto/proto-types.ts";
import { createSourceFolder, evaluate } from "./testing/source-folder.ts";

test("a new function builds and answers as it is", async () => {
  await using folder = await createSourceFolder({});
  const dir = join(folder.dir, "greeter");
  const { name, files } = await initFunction(dir);
  expect(name).toBe("greeter");
  expect(files).toEqual(["index.ts", "narun.yaml", ".gitignore"].map((file) => join(dir, file)));
  expect(await readFile(join(dir, ".gitignore"), "utf8")).toContain(".narun/");

  const build = await buildFunction(dir);
  expect(build.config).toMatchObject({ name: "greeter", env: [{ name: "GREETING", value: "Hello" }] });
  const { default: worker } = (await evaluate(build)) as {
    default: { fetch(request: Request, env: object): Promise<Response> };
  };
  const response = await worker.fetch(new Request("http://x/greeter?name=Ada"), { GREETING: "Hello" });
  expect(await response.text()).toBe("Hello, Ada!\n");
});

test("what is a remark in its narun.yaml is valid where it is taken in", async () => {
  await using folder = await createSourceFolder({});
  await initFunction(folder.dir, { name: "all" });
  const text = await readFile(folder.path("narun.yaml"), "utf8");
  await writeFile(folder.path("narun.yaml"), text.replace(/^# (?=(\s*-? *\w+:)|\s*- )/gm, ""));
  const { config } = await loadFunction(folder.dir);
  expect(config).toMatchObject({
    routes: [{ path: "/all", methods: ["GET", "POST"] }, { path: "/all/*" }],
    bindings: [{ name: "CACHE", kv: "sessions" }],
    egress: [expect.stringContaining("db.internal")],
  });
  expect(Object.keys(config.limits).length).toBeGreaterThan(3);
});

test("a name that looks like a number stays a name", async () => {
  await using folder = await createSourceFolder({}, "42");
  await initFunction(folder.dir);
  expect((await buildFunction(folder.dir)).config.name).toBe("42");
});

test("nothing that exists is overwritten, and then nothing is written", async () => {
  await using folder = await createSourceFolder({ "narun.yaml": "name: mine\n" });
  await expect(initFunction(folder.dir)).rejects.toMatchObject({
    code: "USAGE",
    fields: { detail: expect.stringContaining("narun.yaml would be overwritten") },
  });
  expect(await readFile(folder.path("narun.yaml"), "utf8")).toBe("name: mine\n");
  await expect(readFile(folder.path("index.ts"))).rejects.toThrow("ENOENT");
});

test("a name that cannot name a function is refused", async () => {
  await using folder = await createSourceFolder({});
  await expect(initFunction(folder.dir, { name: "a b" })).rejects.toMatchObject({ code: "USAGE" });
});

test("a new function of gRPC builds, and its types are those of its .proto file", async () => {
  await using folder = await createSourceFolder({}, "parent");
  const dir = folder.path("greeter");
  const { files } = await initFunction(dir, { template: "grpc" });
  expect(files.map((file) => basename(file))).toContain("greeter.d.proto.ts");
  const { config } = await buildFunction(dir, { write: false });
  expect(config.grpc).toEqual(["greeter.v1.Greeter"]);
  expect(config.routes).toContainEqual({ path: "/greetings/*" });
  expect(await writeProtoTypes({ dir }, { check: true })).toMatchObject([{ changed: false, missing: false }]);
});

test("a place that takes no folder is named", async () => {
  await expect(initFunction("/dev/null/greeter")).rejects.toMatchObject({ code: "FOLDER_UNUSABLE" });
  // A file in the folder's place.
  await expect(initFunction("/dev/null")).rejects.toMatchObject({ code: "FOLDER_UNUSABLE" });
});

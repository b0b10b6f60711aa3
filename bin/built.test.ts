import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, cp, mkdir, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { createWorkFolder } from "../cli/testing/work-folder.ts";

const root = join(import.meta.dirname, "..");

/** A narun whose command line prints a text out of another module, and which of its files runs. */
async function createNarun() {
  const folder = await createWorkFolder({
    "narun/package.json": `{ "name": "narun", "type": "module" }`,
    "narun/cli/main.ts": `import { mainFile } from "./built/main-file.ts";
      import { keepCompiledCode } from "./built/compiled-code.ts";
      import { text } from "./text.ts";
      keepCompiledCode(process.argv[2] === "up" ? "staying" : "passing", process.env);
      const { version }: { version: string } = await import("./later.ts");
      console.log(text, version, mainFile.endsWith(".mjs") ? "built" : "source", import.meta.dirname);`,
    "narun/cli/text.ts": `export const text: string = "first";`,
    "narun/cli/later.ts": `export const version = "1";`,
  });
  for (const part of ["bin", "contracts", "machine", "cli/built"])
    await cp(join(root, part), folder.path(`narun/${part}`), { recursive: true });
  await symlink(join(root, "node_modules"), folder.path("narun/node_modules"));
  const start = async (caches = "caches") => {
    const env = { ...process.env, NODE_COMPILE_CACHE: "", XDG_CACHE_HOME: folder.path(caches) };
    const { stdout } = await promisify(execFile)(process.execPath, [folder.path("narun/bin/narun.cjs")], {
      env,
    });
    return stdout.trim().replace(folder.path("narun/"), "");
  };
  const builds = folder.path("caches/narun/built");
  const state = async () => {
    const [name = ""] = await readdir(builds);
    const names = (await readdir(join(builds, name))).filter((one) => one !== "stamp.json");
    return { stamp: join(builds, name, "stamp.json"), folders: names.map((one) => join(builds, name, one)) };
  };
  return { ...folder, start, state, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

test("starts run built files until a source changes, whose change the next start has", async () => {
  await using narun = await createNarun();
  expect(await narun.start()).toBe("first 1 built cli");
  const { folders } = await narun.state();
  expect(folders).toHaveLength(1);
  expect(await narun.start()).toBe("first 1 built cli");
  expect((await narun.state()).folders).toEqual(folders);
  // Each process takes its note along.
  expect((await readdir(folders[0] ?? "")).filter((name) => /^\d+$/.test(name))).toEqual([]);

  await narun.write("narun/cli/text.ts", `export const text = "other";`);
  expect(await narun.start()).toBe("other 1 built cli");
  await narun.write("narun/cli/later.ts", `export const version = "2";`);
  expect(await narun.start()).toBe("other 2 built cli");
});

test("code that V8 compiled of a build is kept in its folder, and leaves with it", async () => {
  await using narun = await createNarun();
  const codeOf = (build: string) => readdir(join(build, "compiled"), { recursive: true });
  await narun.start();
  const [first = ""] = (await narun.state()).folders;
  expect((await codeOf(first)).length).toBeGreaterThan(1);
  const ofSources = async () =>
    (await readdir(narun.path("caches/narun/compiled"), { recursive: true })).length;
  const before = await ofSources();

  await narun.write("narun/cli/text.ts", `export const text = "other";`);
  const long = new Date(Date.now() - 3_600_000);
  await utimes(first, long, long);
  await narun.start();
  const { folders } = await narun.state();
  expect(folders).toHaveLength(1);
  expect(folders).not.toContain(first);
  expect((await codeOf(folders[0] ?? "")).length).toBeGreaterThan(1);
  // The builder is the same.
  expect(await ofSources()).toBe(before);
});

test("stacks name places in the sources", async () => {
  await using narun = await createNarun();
  await narun.write(
    "narun/cli/main.ts",
    `import { fail } from "./text.ts"; import { readableStack } from "./built/readable-stacks.ts";\nconst own: string = "failed";\ntry { fail(own); } catch (error) { console.log(readableStack((error as Error).stack ?? "")); }`,
  );
  await narun.write(
    "narun/cli/text.ts",
    `interface Erased {\n  text: string;\n}\nexport function fail(text: string): never {\n  throw new TypeError(text);\n}`,
  );
  const stack = await narun.start();
  expect(stack).toMatch(
    /^TypeError: failed\n {4}at fail \(file:\S+cli\/text\.ts:5:\d+\)\n {4}at file:\S+cli\/main\.ts:3:\d+/,
  );
});

test("several first starts do not disturb each other", async () => {
  await using narun = await createNarun();
  const starts = await Promise.all(Array.from({ length: 4 }, () => narun.start()));
  expect(new Set(starts)).toEqual(new Set(["first 1 built cli"]));
  expect(await narun.start()).toBe("first 1 built cli");
});

test("the sources run where they cannot be built, and where the builds cannot be kept", async () => {
  await using narun = await createNarun();
  await narun.write("no-folder", "");
  expect(await narun.start("no-folder")).toBe("first 1 source cli");

  await narun.write(
    "narun/cli/main.ts",
    `console.log("runs"); if (process.pid === 0) await import("./missing.ts");`,
  );
  expect(await narun.start()).toBe("runs");
  expect((await narun.state()).folders).toEqual([]);
});

test("a build is made again where its files or its stamp are damaged or gone", async () => {
  await using narun = await createNarun();
  await narun.start();
  const { folders } = await narun.state();
  await rm(folders[0] ?? "", { recursive: true });
  expect(await narun.start()).toBe("first 1 built cli");
  await writeFile((await narun.state()).stamp, "{");
  expect(await narun.start()).toBe("first 1 built cli");
  expect(existsSync(folders[0] ?? "")).toBe(false);
});

test("builds of a checkout that cannot be written are kept in the cache folder", async () => {
  await using narun = await createNarun();
  await chmod(narun.path("narun/cli"), 0o555);
  await mkdir(narun.path("caches"));
  expect(await narun.start()).toBe("first 1 built cli");
  await chmod(narun.path("narun/cli"), 0o755);
});

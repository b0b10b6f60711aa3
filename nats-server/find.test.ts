import { copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { type FindServerOptions, findNatsServer, type ServerFetcher, userCacheDir } from "./find.ts";
import { checkServer, parseServerVersion } from "./version.ts";

let dir: string;
let real: string;

beforeEach(async () => {
  real = inject("natsServer");
  dir = await mkdtemp(join(tmpdir(), "narun-test-find-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** A folder with a nats-server that says it is of that version. */
async function folderWith(version: string): Promise<string> {
  const folder = join(dir, version);
  await mkdir(folder);
  await writeFile(join(folder, "nats-server"), `#!/bin/sh\necho 'nats-server: v${version}'\n`, {
    mode: 0o755,
  });
  return folder;
}

const find = (options: Partial<FindServerOptions> = {}) =>
  findNatsServer({ cacheDir: join(dir, "cache"), env: {}, fetchers: [], ...options });

/** Brings the real binary, as a fetch from elsewhere would. */
const fetchReal: ServerFetcher = {
  source: "release",
  label: "test release",
  async fetch({ scratchDir }) {
    const path = join(scratchDir, "nats-server");
    await copyFile(real, path);
    return { outcome: "fetched", path, version: "2.15.1" };
  },
};
const fetchNothing: ServerFetcher = {
  source: "apt",
  label: "test mirror",
  fetch: async () => ({ outcome: "failed", reason: "it is a holiday" }),
};

test("takes the named one before those on the PATH", async () => {
  const env = { PATH: await folderWith("2.99.0") };
  const found = await find({ named: { path: real, by: "NARUN_NATS_SERVER" }, env });
  expect(found).toMatchObject({ path: real, source: "named" });
});

test("refuses a named one that is missing or too old, instead of taking another", async () => {
  const env = { PATH: await folderWith("2.99.0") };
  const by = "NARUN_NATS_SERVER";
  const missing = { path: join(dir, "none"), by };
  await expect(find({ named: missing, env })).rejects.toMatchObject({ code: "NATS_SERVER_NOT_FOUND" });
  const old = join(await folderWith("2.10.1"), "nats-server");
  const failure = await find({ named: { path: old, by }, env }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "NATS_TOO_OLD" });
  expect(String(failure)).toContain("2.10.1");
  expect(String(failure)).toContain("NARUN_NATS_SERVER");
});

test("passes over binaries on the PATH that are too old or do not run", async () => {
  const broken = join(dir, "broken");
  await mkdir(broken);
  await writeFile(join(broken, "nats-server"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  const recent = await folderWith("2.20.0");
  const env = { PATH: [join(dir, "none"), broken, await folderWith("2.9.0"), recent].join(":") };
  expect(await find({ env })).toEqual({
    path: join(recent, "nats-server"),
    version: "2.20.0",
    source: "path",
  });
});

test("fetches one into the cache folder, and finds it there the next time", async () => {
  const first = await find({ fetchers: [fetchNothing, fetchReal] });
  expect(first).toMatchObject({ source: "release", path: expect.stringContaining(join(dir, "cache")) });
  expect(await checkServer(first.path)).toMatchObject({ outcome: "usable" });
  expect(await find()).toMatchObject({ source: "cache", path: first.path });
});

test("lets several fetch at once, and leaves nothing but the binary", async () => {
  const found = await Promise.all(Array.from({ length: 4 }, () => find({ fetchers: [fetchReal] })));
  expect(new Set(found.map(({ path }) => path)).size).toBe(1);
  expect(await readdir(join(dir, "cache"))).toHaveLength(1);
});

test("replaces one in the cache folder that is too old", async () => {
  const { path } = await find({ fetchers: [fetchReal] });
  await rm(path);
  await symlink(join(await folderWith("2.9.0"), "nats-server"), path);
  expect(await find({ fetchers: [fetchReal] })).toMatchObject({ source: "release" });
});

test("lists every attempt with its reason where nothing works", async () => {
  const thrower: ServerFetcher = {
    ...fetchNothing,
    label: "test thrower",
    fetch: () => Promise.reject(new Error("the disk is full")),
  };
  const env = { PATH: await folderWith("2.9.0") };
  const failure = await find({ env, fetchers: [fetchNothing, thrower] }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "NATS_SERVER_NOT_FOUND" });
  for (const part of ["2.9.0 is too old", "test mirror: it is a holiday", "test thrower: the disk is full"]) {
    expect(String(failure)).toContain(part);
  }
});

test("ends a fetch that is aborted", async () => {
  const aborting = new AbortController();
  const waiting: ServerFetcher = {
    ...fetchNothing,
    fetch: ({ signal }) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
        aborting.abort(new Error("enough"));
      }),
  };
  await expect(find({ fetchers: [waiting, fetchReal], signal: aborting.signal })).rejects.toThrow("enough");
});

test("keeps its files where the system wants caches", () => {
  expect(userCacheDir({ XDG_CACHE_HOME: "/elsewhere" })).toBe("/elsewhere/narun");
  const home = join("/home", "somebody");
  const expected =
    process.platform === "darwin" ? join(home, "Library/Caches/narun") : join(home, ".cache/narun");
  expect(userCacheDir({ HOME: home })).toBe(expected);
  expect(userCacheDir({ HOME: home, XDG_CACHE_HOME: "relative" })).toBe(expected);
  expect(userCacheDir({})).toContain(homedir());
});

test.each([
  ["nats-server: v2.15.1\n", "2.15.1"],
  ["nats-server: v2.14.0-RC.1", "2.14.0-RC.1"],
  ["nats-server: 2.12.3", "2.12.3"],
  ["something else", undefined],
])("reads the version out of %j", (text, expected) => {
  expect(parseServerVersion(text)).toBe(expected);
});

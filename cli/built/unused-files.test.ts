import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, it } from "vitest";
import { createWorkFolder } from "../testing/work-folder.ts";
import { removeReplaced, removeUnused } from "./unused-files.ts";

const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);

async function createCaches() {
  const folder = await createWorkFolder();
  const file = (path: string, changed: Date, read = changed) => {
    mkdirSync(dirname(folder.path(path)), { recursive: true });
    writeFileSync(folder.path(path), "x");
    utimesSync(folder.path(path), read, changed);
  };
  const build = (path: string, used: Date, pid = 2 ** 30) => {
    file(`built/${path}/main.mjs`, used);
    file(`built/${path}/${pid}`, used);
    utimesSync(folder.path(`built/${path}`), used, used);
  };
  const remove = () => removeUnused(folder.path("built"), folder.path("compiled"));
  const left = (path: string) => readdirSync(folder.path(path)).sort();
  return { ...folder, file, build, remove, left, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

it("removes compiled code that was neither made nor read for 30 days, and the folder of a Node without any", async () => {
  await using caches = await createCaches();
  caches.file("compiled/v26/made", daysAgo(29));
  caches.file("compiled/v26/read", daysAgo(90), daysAgo(29));
  caches.file("compiled/v26/unused", daysAgo(31));
  caches.file("compiled/v24/unused", daysAgo(31));
  caches.remove();
  expect(caches.left("compiled")).toEqual(["v26"]);
  expect(caches.left("compiled/v26")).toEqual(["made", "read"]);
});

it("removes the builds of other naruns after 30 days without a start, unless one of their processes runs", async () => {
  await using caches = await createCaches();
  caches.build("used/a", daysAgo(29));
  caches.build("unused/b", daysAgo(31));
  caches.build("mixed/c", daysAgo(31));
  caches.build("mixed/d", daysAgo(1));
  caches.build("running/e", daysAgo(31), process.pid);
  caches.file("built/unused/stamp.json", daysAgo(31));
  caches.remove();
  expect(caches.left("built")).toEqual(["mixed", "running", "used"]);
  expect(caches.left("built/mixed")).toEqual(["d"]);
});

it("keeps a build that may be of a start at this moment, and removes others that were replaced", async () => {
  await using caches = await createCaches();
  caches.build("own/new", new Date());
  caches.build("own/young", new Date());
  caches.build("own/old", daysAgo(1));
  removeReplaced(caches.path("built/own"), caches.path("built/own/new"));
  expect(caches.left("built/own")).toEqual(["new", "young"]);
});

it("removes nothing where there is nothing yet", async () => {
  await using caches = await createCaches();
  caches.remove();
  expect(existsSync(caches.path("compiled"))).toBe(false);
});

import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { writeWhole, writeWholeSync } from "./whole-file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "narun-whole-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it("replaces a file, for its owner only", async () => {
  const path = join(folder, "file");
  writeWholeSync(path, "old");
  await writeWhole(path, Buffer.from("new"));
  expect(await readFile(path, "utf8")).toBe("new");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(["file"]);
});

it("leaves nothing behind where it fails", async () => {
  const path = join(folder, "taken");
  await mkdir(join(path, "inside"), { recursive: true });
  await expect(writeWhole(path, Buffer.from("x"))).rejects.toThrow();
  expect(() => writeWholeSync(path, "x")).toThrow();
  expect(await readdir(folder)).toEqual(["taken"]);
});

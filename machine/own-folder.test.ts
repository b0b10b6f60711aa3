import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockDataDir } from "../nats-server/data-lock.ts";
import { canMountDisk, mountSmallDisk } from "../test/harness/small-disk.ts";
import { makeOwnFolder } from "./own-folder.ts";

let repository: string;

beforeEach(async () => {
  repository = await mkdtemp(join(tmpdir(), "narun-git-"));
  execFileSync("git", ["init", "--quiet"], { cwd: repository });
});
afterEach(() => rm(repository, { recursive: true, force: true }));

/** The files that `git add .` would take. */
const seen = () =>
  execFileSync("git", ["status", "--porcelain", "--untracked-files=all"], { cwd: repository }).toString();

async function lockAndKeep(...folders: string[]): Promise<void> {
  const dir = join(repository, ...folders);
  const lock = await lockDataDir(dir);
  await writeFile(join(dir, "secrets.key"), "secret");
  lock.release();
}

test("git sees nothing of a data folder", async () => {
  await lockAndKeep(".narun", "data");
  expect(seen()).toBe("");
});

test("git sees nothing of a data folder in a .narun that is there already", async () => {
  await mkdir(join(repository, ".narun"));
  await lockAndKeep(".narun", "data");
  expect(seen()).toBe("");
});

test("git sees nothing of a data folder of another name", async () => {
  await lockAndKeep("var", "state");
  expect(seen()).toBe("");
});

test("git sees nothing of a data folder that was there, empty", async () => {
  await mkdir(join(repository, "state"));
  await lockAndKeep("state");
  expect(seen()).toBe("");
});

test("a folder that was there with other files hides none of them", async () => {
  await writeFile(join(repository, "notes.txt"), "");
  await makeOwnFolder(repository);
  expect(seen()).toBe("?? notes.txt\n");
});

test("a .gitignore of the author's stays", async () => {
  await mkdir(join(repository, ".narun"));
  await writeFile(join(repository, ".narun/.gitignore"), "data/\n");
  await makeOwnFolder(join(repository, ".narun/data"));
  expect(await readFile(join(repository, ".narun/.gitignore"), "utf8")).toBe("data/\n");
});

test.each(["/dev/null", "/dev/null/narun", "/proc/narun/data"])(
  "a place that takes no folder is named: %s",
  async (place) => {
    await expect(lockDataDir(place)).rejects.toMatchObject({
      code: "FOLDER_UNUSABLE",
      fields: { detail: expect.stringMatching(/^\/\S+ \(E[A-Z]+\)$/) },
    });
  },
);

test("a disk without room is named", async (context) => {
  if (!(await canMountDisk())) return context.skip("no file system can be mounted here");
  await using disk = await mountSmallDisk(1);
  disk.fill();
  await expect(lockDataDir(join(disk.dir, "data"))).rejects.toMatchObject({ code: "FOLDER_UNUSABLE" });
});

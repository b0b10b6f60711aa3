import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { canMountDisk, mountSmallDisk } from "../test/harness/small-disk.ts";
import { ensureSecretsKeyFile, resolveSecretsKey } from "./secrets-key.ts";
import { createWorkFolder } from "./testing/work-folder.ts";

test("git sees no key, whoever made its folder", async () => {
  await using folder = await createWorkFolder();
  const git = (...args: string[]) => String(execFileSync("git", args, { cwd: folder.dir }));
  git("init", "--quiet");
  for (const file of [".narun/data/secrets.key", "data/secrets.key"])
    await ensureSecretsKeyFile(folder.path(file));
  expect(git("status", "--porcelain", "--untracked-files=all")).toBe("");
});

test("starts at the same moment have one key, and nothing beside it", async () => {
  await using folder = await createWorkFolder();
  const file = folder.path("data/secrets.key");
  const keys = new Set<string>();
  const make = async () => {
    await ensureSecretsKeyFile(file);
    keys.add(readFileSync(file, "utf8"));
  };
  await Promise.all(Array.from({ length: 20 }, make));
  expect(keys.size).toBe(1);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder.path("data")).toSorted()).toEqual([".gitignore", "secrets.key"]);
});

test("a full disk leaves no part of a key, and the next start makes one", async (context) => {
  if (!(await canMountDisk())) return context.skip("no file system can be mounted here");
  await using disk = await mountSmallDisk(1);
  const file = join(disk.dir, "data", "secrets.key");
  // The folder has room for names, and none for bytes.
  await ensureSecretsKeyFile(join(disk.dir, "data", "other.key"));
  const makeRoom = disk.fill();
  await expect(ensureSecretsKeyFile(file)).rejects.toMatchObject({ code: "FOLDER_UNUSABLE" });
  expect(readdirSync(join(disk.dir, "data")).toSorted()).toEqual([".gitignore", "other.key"]);
  makeRoom();
  await ensureSecretsKeyFile(file);
  expect(await resolveSecretsKey({ file })).toBeDefined();
});

test("a key file that is cut off is named, with the way out", async () => {
  await using folder = await createWorkFolder();
  const file = folder.path("secrets.key");
  writeFileSync(file, "c2hvcnQ=", { mode: 0o600 });
  await expect(resolveSecretsKey(undefined, file)).rejects.toMatchObject({
    code: "USAGE",
    message: expect.stringMatching(/secrets\.key is not 32 bytes in base64: restore it from a backup/),
  });
});

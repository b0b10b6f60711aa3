import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { ensureSecretsKeyFile } from "./secrets-key.ts";
import { createWorkFolder } from "./testing/work-folder.ts";

test("git sees no key, whoever made its folder", async () => {
  await using folder = await createWorkFolder();
  const git = (...args: string[]) => String(execFileSync("git", args, { cwd: folder.dir }));
  git("init", "--quiet");
  for (const file of [".narun/data/secrets.key", "data/secrets.key"])
    await ensureSecretsKeyFile(folder.path(file));
  expect(git("status", "--porcelain", "--untracked-files=all")).toBe("");
});

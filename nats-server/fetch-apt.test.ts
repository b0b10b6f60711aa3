import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { fetchApt, findAptMirror } from "./fetch-apt.ts";
import type { ServerProgress } from "./server-source.ts";

const hasApt = existsSync("/usr/bin/apt-get");
const mirror = hasApt ? await findAptMirror() : undefined;

test("fetches the package through the machine's own apt and leaves the system as it is", {
  timeout: 300_000,
}, async (context) => {
  context.skip(!hasApt, "there is no apt-get here");
  context.skip(mirror === undefined, "apt has no source of a Debian or Ubuntu mirror here");
  const scratchDir = await mkdtemp(join(tmpdir(), "narun-test-apt-"));
  onTestFinished(() => rm(scratchDir, { recursive: true, force: true }));
  context.skip(!isReachable(scratchDir), "apt does not reach its mirror from here");
  const before = await systemState();
  const progress: ServerProgress["stage"][] = [];
  const fetched = await fetchApt({ scratchDir, onProgress: ({ stage }) => progress.push(stage) });
  expect(fetched).toMatchObject({ outcome: "fetched", version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  expect(progress.slice(-3)).toEqual(["apt-index", "apt-download", "unpack"]);
  expect(await systemState()).toEqual(before);
});

/** Asks by apt's own means, as the machine may have a proxy for it. */
function isReachable(dir: string): boolean {
  const release = `${mirror?.uri}/dists/${mirror?.suites[0]}/InRelease`;
  const args = ["-o", "APT::Sandbox::User=root", "download-file", release, join(dir, "InRelease")];
  return spawnSync("/usr/lib/apt/apt-helper", args).status === 0;
}

/** When apt's own folders changed last. */
function systemState(): Promise<number[]> {
  const folders = [
    "/var/lib/apt/lists",
    "/var/lib/dpkg",
    "/var/cache/apt",
    "/var/cache/apt/archives",
    "/var/log/apt",
  ];
  return Promise.all(
    folders.map((folder) =>
      stat(folder).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
}

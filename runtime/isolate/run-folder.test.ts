import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, stat, utimes } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { makeRunFolder } from "./run-folder.ts";

const parent = await mkdtemp(join(tmpdir(), "n-"));
afterAll(() => rm(parent, { recursive: true }));

it("is its user's alone, and has one folder for each host", async () => {
  const folder = await makeRunFolder(parent);
  const [first, second] = [folder?.open(), folder?.open()];
  expect(first?.machine).toMatch(/^[0-9a-f]{32}$/);
  expect(second?.machine).toBe(first?.machine);
  expect(first?.folder).not.toBe(second?.folder);
  for (const path of [first?.folder ?? "", join(first?.folder ?? "", "..")])
    expect((await stat(path)).mode & 0o777).toBe(0o700);
  await first?.remove();
  expect([first, second].map((host) => existsSync(host?.folder ?? ""))).toEqual([false, true]);
  await folder?.close();
  expect(existsSync(second?.folder ?? "")).toBe(false);
});

it("there is none where its paths would be too long", async () => {
  const long = join(parent, "x".repeat(100));
  await mkdir(long);
  expect(await makeRunFolder(long)).toBeUndefined();
  expect(await makeRunFolder(join(parent, "nowhere"))).toBeUndefined();
});

it("of a runner that was killed is removed by the next one, unless one of its hosts still listens", async () => {
  const [dead, alive, young] = [
    await makeRunFolder(parent),
    await makeRunFolder(parent),
    await makeRunFolder(parent),
  ];
  const hosts = [dead, alive, young].map((folder) => folder?.open());
  const [deadHost = "", aliveHost = "", youngHost = ""] = hosts.map((host) => host?.folder);
  const server = createServer().listen(join(aliveHost, "s"));
  await once(server, "listening");
  const longAgo = new Date(Date.now() - 3_600_000);
  for (const host of [deadHost, aliveHost]) await utimes(join(host, ".."), longAgo, longAgo);
  const next = await makeRunFolder(parent);
  await eventually(() => expect(existsSync(deadHost)).toBe(false));
  expect([aliveHost, youngHost].map((host) => existsSync(host))).toEqual([true, true]);
  server.close();
  await Promise.all([alive, young, next].map((folder) => folder?.close()));
});

/** The limits of programs in force, and demands that a node cannot meet. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { programSource } from "../harness/program.ts";
import { startWorld } from "../harness/world.ts";

const cacheDir = mkdtempSync(join(tmpdir(), "narun-limits-"));
// Another user has to get to the folders of its programs.
chmodSync(cacheDir, 0o711);
const world = await startWorld({ cacheDir });
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  rmSync(cacheDir, { recursive: true, force: true });
});

const push = (name: string, text: string, changes: object = {}) =>
  world.push(name, { "server.mjs": text }, { mode: "exec", command: "server.mjs", ...changes });
const has = (program: string) => spawnSync(program, ["--version"]).status === 0;
/** Runs code in the program for each request, and answers with its value or error. */
const evaluate = `try { answer(String(await (0, eval)("(async () => {" + body + "})()"))); } catch (error) { answer(String(error.code ?? error)); }`;
const call = async (name: string, body: string) =>
  (await world.call(`/${name}`, { method: "POST", body })).text;

describe.skipIf(!has("prlimit"))("a limit of the system", () => {
  it("bounds the open files of a program that demands none", async () => {
    await push("leaking", programSource({ before: `globalThis.fs = require("node:fs");`, act: evaluate }));
    expect(
      Number(
        await call(
          "leaking",
          `const all = []; try { for (;;) all.push(fs.openSync("/dev/null")); } catch { return all.length } finally { for (const fd of all) fs.closeSync(fd); }`,
        ),
      ),
    ).toBeLessThanOrEqual(10_240);
  });

  it("is in force, and is shown with the instance", async () => {
    const before = `globalThis.fs = require("node:fs");`;
    await push("bounded", programSource({ before, act: evaluate }), {
      openFiles: 64,
      fileMB: 1,
      memoryMB: 700,
    });
    const open = `const all = []; try { for (;;) all.push(fs.openSync("/dev/null")); } finally { for (const fd of all) fs.closeSync(fd); }`;
    expect(await call("bounded", open)).toBe("EMFILE");
    expect(
      await call("bounded", `fs.writeFileSync("big", Buffer.alloc(3 << 20)); return fs.statSync("big").size`),
    ).toBe("EFBIG");
    expect(await world.ps("bounded")).toMatchObject([
      {
        limits: [
          "memory 700 MiB of data of each process by rlimit",
          "64 open files by rlimit",
          "files of 1 MiB by rlimit",
          "a folder of 1024 MiB by a look each second",
        ],
      },
    ]);
  });
});

describe.skipIf(process.getuid?.() !== 0 || !has("setpriv"))("another user", () => {
  it("runs the program, and owns its folder", async () => {
    const before = `globalThis.fs = require("node:fs"); globalThis.os = require("node:os");`;
    await push("humble", programSource({ before, act: evaluate }), { user: "nobody", env: [] });
    expect(await call("humble", "fs.writeFileSync('mine', ''); return os.userInfo().username")).toBe(
      "nobody",
    );
    expect(await call("humble", "fs.writeFileSync('/root/not-mine', '')")).toBe("EACCES");
    expect(await world.ps("humble")).toMatchObject([{ limits: expect.arrayContaining(["user nobody"]) }]);
  });
});

describe.skipIf(!has("bwrap"))("bubblewrap", () => {
  const before = `globalThis.fs = require("node:fs"); globalThis.net = require("node:net");`;

  it("leaves a program the paths of its spec", async () => {
    const paths = [
      { path: process.cwd(), modes: "rx" },
      { path: "/usr", modes: "rx" },
    ];
    await push("walled", programSource({ before, act: evaluate }), {
      landlock: { shared: true, tmp: false, paths },
    });
    expect(await call("walled", `fs.writeFileSync("own", "x"); return fs.readFileSync("own", "utf8")`)).toBe(
      "x",
    );
    expect(await call("walled", `return fs.readFileSync("/etc/passwd", "utf8")`)).toBe("ENOENT");
    expect(await call("walled", `fs.writeFileSync("/usr/x", "")`)).toBe("EROFS");
  });

  it("leaves a program no network but NATS", async () => {
    await push("alone", programSource({ before, act: evaluate }), { network: false });
    const connect = `return new Promise((resolve) => net.connect(${world.nats.port}, "127.0.0.1").on("connect", () => resolve("there")).on("error", (error) => resolve(error.code)))`;
    expect(await call("alone", connect)).toBe("ECONNREFUSED");
    expect(await world.ps("alone")).toMatchObject([
      { limits: expect.arrayContaining(["no network but NATS by bubblewrap"]) },
    ]);
  });
});

describe("a demand that the node cannot meet", () => {
  it.each([
    ["a user that is not there", { user: "no-such-user" }, /user no-such-user/],
    ["processes of root without a cgroup", { pids: 10 }, /pids needs a cgroup/],
    ["CPU without a cgroup", { cpuCores: 0.5 }, /cpuCores needs a cgroup/],
  ])("is refused with the reason: %s", async (_what, demand, reason) => {
    await expect(push("demanding", programSource(), demand)).rejects.toMatchObject({
      code: "TRIAL_FAILED",
      fields: { reason: "NODE_CANNOT_CONFINE", detail: expect.stringMatching(reason) },
    });
  });
});

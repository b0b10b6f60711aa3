import { type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cp, mkdir, symlink } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { delimiter, join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { FREE_PORTS } from "../cli/testing/narun.ts";
import { allEnded, descendantsOf, endAll } from "../cli/testing/processes.ts";
import { createWorkFolder } from "../cli/testing/work-folder.ts";
import { eventually } from "../test/harness/eventually.ts";

const bin = join(import.meta.dirname, "narun.cjs");

/** A Node below 24 on this machine, if any. */
function findOldNode(): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/bin", "/usr/local/bin"];
  return folders
    .flatMap((folder) => [join(folder, "node"), join(folder, "nodejs")])
    .filter((file) => existsSync(file))
    .find((file) => {
      const { stdout } = spawnSync(file, ["--version"], { encoding: "utf8" });
      return Number(/^v(\d+)\./.exec(stdout)?.[1]) < 24;
    });
}

/** Lets a Node report an old version, for machines without an old Node. */
const PRETENDING =
  'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.9.0" } });\n';

interface OldNode {
  name: string;
  command: string;
  /** Arguments before the script. `folder` has the file `old.cjs`. */
  args(folder: string): string[];
}

const found = findOldNode();
const oldNodes: OldNode[] = [
  {
    name: "a Node that says it is 20",
    command: process.execPath,
    args: (folder) => ["--require", join(folder, "old.cjs")],
  },
  ...(found === undefined ? [] : [{ name: `the old Node of this machine`, command: found, args: () => [] }]),
];

function start(command: string, args: string[], options: SpawnOptions = {}) {
  const { NODE_OPTIONS: _options, NARUN_NATS_URL: _url, ...rest } = process.env;
  const env = { ...rest, NARUN_NATS_SERVER: inject("natsServer") };
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env, timeout: 20_000, ...options });
  const output = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk: Buffer) => {
    output.stdout += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    output.stderr += chunk.toString();
  });
  const ended = once(child, "close").then(([code]) => ({ code, ...output }));
  return { child, output, ended };
}

const run = (command: string, args: string[]) => start(command, args).ended;

test("runs on a Node that is new enough, also by a link to it", async () => {
  await using folder = await createWorkFolder();
  await symlink(bin, folder.path("narun"));
  const direct = await run(process.execPath, [bin, "--version"]);
  expect(direct).toEqual({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: "" });
  expect(await run(process.execPath, [folder.path("narun"), "--version"])).toEqual(direct);
  expect(await run(folder.path("narun"), ["--version"])).toEqual(direct);
  expect(await run(process.execPath, [bin, "ls", "--nope"])).toMatchObject({ code: 2, stdout: "" });
});

test("runs where nothing can be cached, and else caches what it compiled", async () => {
  await using folder = await createWorkFolder({ "no-folder": "" });
  const version = (XDG_CACHE_HOME: string) =>
    start(process.execPath, [bin, "--version"], {
      env: { ...process.env, NODE_COMPILE_CACHE: "", XDG_CACHE_HOME },
    }).ended;
  for (const caches of ["/proc", folder.path("no-folder"), folder.path("caches")]) {
    expect(await version(caches)).toMatchObject({ code: 0, stderr: "" });
  }
  const files = readdirSync(folder.path("caches/narun/built"), { recursive: true, encoding: "utf8" });
  expect(files.filter((name) => /\/compiled\/passing\/v[^/]+\/\w+$/.test(name))).not.toEqual([]);

  // A command that stays has other flags of V8, which takes code only with the flags that it was made with.
  const told = async (...args: string[]) => {
    const env = { ...process.env, NODE_COMPILE_CACHE: "", XDG_CACHE_HOME: folder.path("caches") };
    const started = start(process.execPath, [bin, ...args], {
      env: { ...env, NODE_DEBUG_NATIVE: "COMPILE_CACHE" },
    });
    const { stdout, stderr } = await started.ended;
    return { accepts: /was accepted/.test(stdout + stderr), rejects: /was rejected/.test(stdout + stderr) };
  };
  await told("gateway", "--help");
  expect(await told("--version")).toEqual({ accepts: true, rejects: false });
  expect(await told("gateway", "--help")).toEqual({ accepts: true, rejects: false });
});

const linuxTest = test.runIf(process.platform === "linux");

linuxTest("a login in the address of NATS leaves the command line", async () => {
  await using folder = await createWorkFolder({ "old.cjs": PRETENDING });
  // The server stays silent, so that the command waits.
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const host = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
  for (const options of [[], oldNodes[0]?.args(folder.dir) ?? []]) {
    for (const address of [["--nats", `nats://ann:s3cret@${host}`], [`--nats=ann:s3cret@${host}`]]) {
      const command = start(process.execPath, [...options, bin, "logs", "-f", ...address]);
      const commandLine = (pid = command.child.pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8");
      await eventually(() => expect(commandLine()).toMatch(/^narun logs -f --nats[ =](nats:\/\/)?\*\*\*@/));
      expect(commandLine()).not.toContain("s3cret");
      command.child.kill("SIGKILL");
      await command.ended;
    }
  }
  silent.close();
});

test("says in one line which part of narun is missing", async () => {
  await using folder = await createWorkFolder();
  await mkdir(folder.path("bin"));
  await cp(bin, folder.path("bin/narun.cjs"));
  const { code, stdout, stderr } = await run(process.execPath, [folder.path("bin/narun.cjs"), "ls"]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^narun: parts of narun are missing; run npm install in [^\n]+\n$/);
});

describe.each(oldNodes)("on $name", ({ command, args }) => {
  const files = { "old.cjs": PRETENDING };

  test("runs with the Node that npm installed beside narun, also by a link, and passes the exit code on", async () => {
    await using folder = await createWorkFolder(files);
    await symlink(bin, folder.path("narun"));
    for (const script of [bin, folder.path("narun")]) {
      const { code, stdout, stderr } = await run(command, [
        ...args(folder.dir),
        script,
        "doctor",
        "--json",
        "--nats",
        "nats://127.0.0.1:1",
      ]);
      expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
      expect(JSON.parse(stdout)).toContainEqual(
        expect.objectContaining({
          check: "Node 24 or newer",
          ok: true,
          found: expect.stringMatching(/^2\d\./),
        }),
      );
    }
    expect((await run(command, [...args(folder.dir), bin, "lss"])).code).toBe(2);
    expect((await run(command, [...args(folder.dir), bin, "--help"])).code).toBe(0);
  });

  test("says in one line that there is none", async () => {
    await using folder = await createWorkFolder(files);
    await mkdir(folder.path("bin"));
    await cp(bin, folder.path("bin/narun.cjs"));
    const { code, stdout, stderr } = await run(command, [
      ...args(folder.dir),
      folder.path("bin/narun.cjs"),
      "ls",
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      /^narun: Node 24 or newer is needed, this is 2\d\.[\d.]+; [^\n]*npm install[^\n]*\n$/,
    );
  });

  test("when it is killed, what it started drains and ends", async () => {
    await using folder = await createWorkFolder(files);
    const up = start(command, [
      ...args(folder.dir),
      ...[bin, "up", "--json", ...FREE_PORTS, "--data-dir", folder.path("data")],
    ]);
    const started = await eventually(() => {
      expect(up.output.stdout).toContain('"http"');
      return descendantsOf(up.child.pid ?? 0);
    });
    try {
      expect(started.length).toBeGreaterThanOrEqual(4);
      up.child.kill("SIGKILL");
      await allEnded(started);
      expect(existsSync(folder.path("data/narun.lock"))).toBe(false);
    } finally {
      await endAll(started);
    }
  });

  test.each(["SIGTERM", "SIGINT"] as const)(
    "%s to the whole group, as a terminal sends it, drains once",
    async (signal) => {
      await using folder = await createWorkFolder(files);
      const up = start(
        command,
        [...args(folder.dir), bin, "up", "--json", ...FREE_PORTS, "--data-dir", folder.path("data")],
        { detached: true },
      );
      const pid = up.child.pid ?? 0;
      const descendants = () => descendantsOf(pid);
      try {
        await eventually(() => expect(up.output.stdout).toContain('"http"'));
        const started = descendants();
        expect(started.length).toBeGreaterThanOrEqual(4);
        process.kill(-pid, signal);
        expect(await up.ended).toMatchObject({ code: 0, stderr: "" });
        await allEnded(started);
        expect(existsSync(folder.path("data/narun.lock"))).toBe(false);
      } finally {
        await endAll(descendants());
        up.child.kill("SIGKILL");
      }
    },
  );
});

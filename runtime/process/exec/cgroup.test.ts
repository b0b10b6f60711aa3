/**
 * The cgroups of programs, in a folder that has the files of cgroupfs, which no kernel reads; and on the kernel, where a cgroup v2 is
 * mounted that this process may write to.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FunctionConfig } from "../../../contracts/index.ts";
import { runProgram } from "../../../machine/index.ts";
import { eventually } from "../../../test/harness/eventually.ts";
import { enterCgroup, findCgroup, killCgroup, leaveCgroup, makeCgroup } from "./cgroup.ts";
import { confine } from "./confinement.ts";
import { lookForMeans } from "./exec.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "narun-cgroup-"));
});
afterEach(() => rmSync(root, { recursive: true }));

/** The files in which the kernel tells of a process in the group `own`, with the file system of cgroups at `root`. */
function sources(own: string) {
  const files = { own: join(root, "own"), mounts: join(root, "mounts") };
  writeFileSync(files.own, `1:name=systemd:/x\n0::${own}\n`);
  writeFileSync(files.mounts, `proc /proc proc rw 0 0\ncgroup2 ${root} cgroup2 rw,nosuid 0 0\n`);
  return files;
}

function group(path: string, controllers: string): string {
  const folder = join(root, path);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "cgroup.subtree_control"), `${controllers}\n`);
  return folder;
}

describe.skipIf(process.platform !== "linux")("the folder for cgroups", () => {
  it("is the group of the runner, where it hands controllers on", () => {
    const folder = group("narun", "cpu memory pids");
    const found = { folder, controllers: new Set(["cpu", "memory", "pids"]) };
    expect(findCgroup(sources("/narun"))).toEqual(found);
  });

  it("is the group above, where the runner is in one of its own", () => {
    const folder = group("narun", "memory pids");
    group("narun/runner", "");
    expect(findCgroup(sources("/narun/runner"))).toMatchObject({ folder });
  });

  it.each([
    ["no controllers", () => group("narun", ""), /narun hands no controllers on \(cgroup\.subtree_control\)/],
    ["no such file", () => mkdirSync(join(root, "narun")), /ENOENT.*cgroup\.subtree_control/],
    [
      "no right to write",
      () => {
        const folder = group("narun", "memory");
        chmodSync(folder, 0o500);
      },
      process.getuid?.() === 0 ? undefined : /EACCES/,
    ],
  ])("is told where it has %s", (_what, prepare, reason) => {
    prepare();
    if (reason !== undefined) expect(findCgroup(sources("/narun"))).toMatch(reason);
  });

  it("is told where no such file system is mounted", () => {
    const files = sources("/narun");
    writeFileSync(files.mounts, "");
    expect(findCgroup(files)).toBe("cgroup v2 is not mounted");
  });
});

describe("the cgroup of a program", () => {
  const limits = { memoryMB: 64, memoryMaxMB: 128, cpuCores: 1.5, pids: 20 };
  const read = (folder: string) =>
    Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));

  it("has the limits of its spec, before it begins", () => {
    const folder = join(root, "one");
    makeCgroup(folder, limits);
    expect(read(folder)).toEqual({
      "memory.max": String(128 * 1024 * 1024),
      "memory.high": String(64 * 1024 * 1024),
      "cpu.max": "150000 100000",
      "pids.max": "20",
    });
    killCgroup(folder);
    expect(read(folder)).toMatchObject({ "cgroup.kill": "1" });
  });

  it("is entered by its first process, whose command follows", async () => {
    const folder = join(root, "two");
    makeCgroup(folder, { pids: 5 });
    const [file = "", ...args] = [...enterCgroup(folder), "/bin/sh", "-c", "echo $$ $0 a\\ b", "x"];
    const result = await runProgram(file, args, { env: {}, timeoutMs: 10_000 });
    const pid = readFileSync(join(folder, "cgroup.procs"), "utf8").trim();
    expect(result).toMatchObject({ outcome: "ok", stdout: `${pid} x a b\n` });
  });

  it("is refused with the file that cannot be written, and leaves nothing", () => {
    expect(() => makeCgroup(join(root, "no", "such"), limits)).toThrow(/ENOENT.*no\/such/);
    mkdirSync(join(root, "three"));
    expect(() => makeCgroup(join(root, "three"), limits)).toThrow(/EEXIST.*three/);
    leaveCgroup(join(root, "three"));
    expect(readdirSync(root)).toEqual([]);
  });

  it("is demanded of a machine that has it, and of no other", async () => {
    const config = { cpuCores: 1, memoryMB: 64 } as FunctionConfig;
    const means = await lookForMeans(process.env.PATH ?? "");
    const facts = { config, root: "/x", instance: "i", mark: 1n };
    const cgroup = { folder: root, controllers: new Set(["memory", "cpu"]) };
    const confined = confine({ ...facts, means: { ...means, cgroup } });
    expect(confined).toMatchObject({
      cgroup: join(root, "i"),
      inForce: expect.arrayContaining(["memory 64 MiB by cgroup", "1 CPU cores by cgroup"]),
    });
    const less = { ...cgroup, controllers: new Set(["memory"]) };
    expect(confine({ ...facts, means: { ...means, cgroup: less } })).toMatch(
      /it has no controllers memory, cpu/,
    );
    expect(confine({ ...facts, means: { ...means, cgroup: "none" } })).toMatch(/cpuCores needs .*: none/);
  });
});

/** The mount of cgroup v2, where groups can be made below it: in some machines without controllers, as version 1 has them. */
function writableMount(): string | undefined {
  try {
    const mount = /^\S+ (\S+) cgroup2 /m.exec(readFileSync("/proc/mounts", "utf8"))?.[1];
    if (mount === undefined) return undefined;
    const probe = mkdtempSync(join(mount, "narun-probe-"));
    rmdirSync(probe);
    return mount;
  } catch {
    return undefined;
  }
}

const mount = writableMount();

describe.skipIf(mount === undefined)("a cgroup of the kernel", () => {
  const folder = join(mount ?? "", `narun-test-${process.pid}`);

  it("has the program and the children that left its group and session, ends them together, and goes", async () => {
    makeCgroup(folder, {});
    const script = "setsid /bin/sleep 300 & echo; wait";
    const [file = "", ...args] = [...enterCgroup(folder), "/bin/sh", "-c", script];
    const program = spawn(file, args, { stdio: ["ignore", "pipe", "ignore"] });
    const ended = once(program, "exit");
    await once(program.stdout, "data");
    const pids = () => readFileSync(join(folder, "cgroup.procs"), "utf8").trim().split("\n");
    await eventually(() => expect(pids()).toHaveLength(2));
    expect(pids()).toContain(String(program.pid));
    killCgroup(folder);
    expect(await ended).toEqual([null, "SIGKILL"]);
    await eventually(() => expect(pids()).toEqual([""]));
    leaveCgroup(folder);
    expect(existsSync(folder)).toBe(false);
  });

  it("is not made where the kernel hands the controller of a limit on to no group", () => {
    const handed = readFileSync(join(mount ?? "", "cgroup.subtree_control"), "utf8");
    if (/\bpids\b/.test(handed)) return;
    expect(() => makeCgroup(folder, { pids: 5 })).toThrow(/NODE_CANNOT_CONFINE|pids\.max/);
    expect(existsSync(folder)).toBe(false);
  });
});

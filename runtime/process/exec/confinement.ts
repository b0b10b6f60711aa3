/**
 * The limits and the confinement that a spec demands of a program, and the launchers that enforce them on this machine.
 *
 * I1  A demand that the machine cannot enforce is refused: it is never passed over.
 */
import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { type FunctionConfig, type Landlock, MIB, messageOf } from "../../../contracts/index.ts";
import { pathsOf } from "./landlock-paths.ts";
import { findProgram } from "./launch.ts";
import { relayTo } from "./relay.ts";

/** The door's socket in the folder of a program without a network. */
export const DOOR_SOCKET = ".nats.sock";

/** The means of a machine. A text tells why one is not there. */
export interface Means {
  /** The folder of cgroups v2 in which narun may make more, with its controllers. */
  cgroup: { folder: string; controllers: ReadonlySet<string> } | string;
  /** The path of `prlimit`. */
  prlimit: string | undefined;
  /** The path of `setpriv`. */
  setpriv: string | undefined;
  /** The path of bubblewrap, where it works. */
  bubblewrap: { path: string } | string;
  /** Whether programs may run as other users. */
  isRoot: boolean;
}

/** A program's confinement on this machine. */
export interface Confined {
  /** The command line before the program's own. */
  launchers: string[];
  /** The limits in force, for people: `memory 256 MiB by rlimit`. */
  inForce: string[];
  /** The cgroup that the program is put into. */
  cgroup?: string;
}

export interface ConfineOptions {
  config: FunctionConfig;
  means: Means;
  /** The program's folder. */
  root: string;
  instance: string;
}

/** The launchers for a program; a text tells which demand cannot be met, and why. */
export function confine({ config, means, root, instance }: ConfineOptions): Confined | string {
  const { memoryMB, memoryMaxMB, cpuCores, pids, openFiles, fileMB, user, landlock, network } = config;
  const inForce: string[] = [];
  const outer: string[] = [];
  const limits: string[] = [];
  const memory = memoryMaxMB ?? memoryMB;
  const wanted = [
    ...(memory === undefined ? [] : ["memory"]),
    ...(cpuCores === undefined ? [] : ["cpu"]),
    ...(pids === undefined ? [] : ["pids"]),
  ];
  const { cgroup } = means;
  const hasCgroup = typeof cgroup !== "string" && wanted.every((name) => cgroup.controllers.has(name));
  if (wanted.length > 0 && hasCgroup) {
    if (memory !== undefined) inForce.push(`memory ${memory} MiB by cgroup`);
    if (cpuCores !== undefined) inForce.push(`${cpuCores} CPU cores by cgroup`);
    if (pids !== undefined) inForce.push(`${pids} processes by cgroup`);
  } else {
    const why = typeof cgroup === "string" ? cgroup : `it has no controllers ${wanted.join(", ")}`;
    if (cpuCores !== undefined) return `cpuCores needs a cgroup v2 that narun may write to: ${why}`;
    // An rlimit counts all processes of a user, and none of root's.
    if (pids !== undefined && (user === undefined || user === "root"))
      return `pids needs a cgroup v2 that narun may write to (${why}), or a user of the program's own`;
    if (memory !== undefined) {
      limits.push(`--data=${memory * MIB}`);
      inForce.push(`memory ${memory} MiB of data of each process by rlimit`);
    }
    if (pids !== undefined) {
      limits.push(`--nproc=${pids}`);
      inForce.push(`${pids} processes of the user by rlimit`);
    }
  }
  if (openFiles !== undefined) {
    limits.push(`--nofile=${openFiles}`);
    inForce.push(`${openFiles} open files by rlimit`);
  }
  if (fileMB !== undefined) {
    limits.push(`--fsize=${fileMB * MIB}`);
    inForce.push(`files of ${fileMB} MiB by rlimit`);
  }
  if (limits.length > 0) {
    if (means.prlimit === undefined)
      return "rlimits need the program prlimit (util-linux), which is not here";
    outer.push(means.prlimit, "--core=0", ...limits, "--");
  }
  const asUser = userOf(user, means);
  if (typeof asUser === "string") return asUser;
  if (user !== undefined) inForce.push(`user ${user}`);
  const sandboxed = sandboxOf({ landlock, network, means, root });
  if (typeof sandboxed === "string") return sandboxed;
  if (landlock !== undefined) inForce.push("its own paths by bubblewrap");
  if (network === false) inForce.push("no network but NATS by bubblewrap");
  const deathSignal = means.setpriv === undefined ? [] : [means.setpriv, "--pdeathsig", "KILL", "--"];
  // bubblewrap has a way of its own to end with its parent, and the user changes before.
  const launchers = [...outer, ...asUser, ...(sandboxed.length > 0 ? sandboxed : deathSignal)];
  const folder = hasCgroup && wanted.length > 0 ? join(cgroup.folder, instance) : undefined;
  return { launchers, inForce, ...(folder === undefined ? {} : { cgroup: folder }) };
}

function userOf(user: string | undefined, { isRoot, setpriv }: Means): string[] | string {
  if (user === undefined || user === userInfo().username) return [];
  if (!isRoot) return `user ${user} needs a node that runs as root`;
  if (setpriv === undefined) return "user needs the program setpriv (util-linux), which is not here";
  if (!hasUser(user)) return `user ${user} is not on this node`;
  return [setpriv, `--reuid=${user}`, "--init-groups", `--regid=${groupOf(user)}`, "--"];
}

function passwd(user: string): string[] | undefined {
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  return lines.map((line) => line.split(":")).find(([name]) => name === user);
}
const hasUser = (user: string) => passwd(user) !== undefined;
const groupOf = (user: string) => passwd(user)?.[3] ?? user;
/** The ids of a user, for the owner of its folder. */
export function idsOf(user: string): { uid: number; gid: number } | undefined {
  const [, , uid, gid] = passwd(user) ?? [];
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

interface SandboxDemand {
  landlock: Landlock | undefined;
  network: boolean | undefined;
  means: Means;
  root: string;
}

function sandboxOf({ landlock, network, means, root }: SandboxDemand): string[] | string {
  if (landlock === undefined && network !== false) return [];
  if (typeof means.bubblewrap === "string")
    return `landlock and network: false need bubblewrap: ${means.bubblewrap}`;
  const paths = pathsOf({ ...landlock, ...(network === false ? { shared: true } : {}) }, root);
  const hasRelay = network === false;
  if (hasRelay) paths.push({ path: process.execPath, isWritable: false });
  const files =
    landlock === undefined
      ? ["--dev-bind", "/", "/"]
      : [
          ...["--proc", "/proc", "--dev", "/dev"],
          ...paths.flatMap(({ path, isWritable }) => [
            isWritable ? "--bind-try" : "--ro-bind-try",
            path,
            path,
          ]),
        ];
  return [
    ...[means.bubblewrap.path, "--die-with-parent", ...files],
    ...(hasRelay ? ["--unshare-net"] : []),
    ...["--chdir", root, "--"],
    ...(hasRelay ? relayTo(join(root, DOOR_SOCKET)) : []),
  ];
}

/** Makes the cgroup of a program and puts its leader into it. Throws the system's error. */
export function enterCgroup(folder: string, pid: number, config: FunctionConfig): void {
  mkdirSync(folder);
  const { memoryMB, memoryMaxMB, cpuCores, pids } = config;
  const write = (file: string, value: string | number) => writeFileSync(join(folder, file), String(value));
  const hard = memoryMaxMB ?? memoryMB;
  if (hard !== undefined) write("memory.max", hard * MIB);
  if (memoryMB !== undefined && memoryMaxMB !== undefined) write("memory.high", memoryMB * MIB);
  if (cpuCores !== undefined) write("cpu.max", `${Math.round(cpuCores * CPU_PERIOD)} ${CPU_PERIOD}`);
  if (pids !== undefined) write("pids.max", pids);
  write("cgroup.procs", pid);
}

const CPU_PERIOD = 100_000;

export function leaveCgroup(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // A process of it is still ending: the folder stays, and is empty.
  }
}

/** Looks at this machine. */
export function findCgroup(): Means["cgroup"] {
  if (process.platform !== "linux") return "cgroups are Linux'";
  try {
    const own = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
    const mount = /^\S+ (\S+) cgroup2 /m.exec(readFileSync("/proc/mounts", "utf8"))?.[1];
    if (own === undefined || mount === undefined) return "cgroup v2 is not mounted";
    const folder = join(mount, own);
    const controllers = new Set(
      readFileSync(join(folder, "cgroup.subtree_control"), "utf8").trim().split(/\s+/),
    );
    if (!controllers.has("memory")) return `${folder} hands no controllers on (cgroup.subtree_control)`;
    accessSync(folder, constants.W_OK);
    readdirSync(folder);
    return { folder, controllers };
  } catch (error) {
    return messageOf(error);
  }
}

/** The launchers of this machine. */
export function findLaunchers(searchPath: string): Pick<Means, "prlimit" | "setpriv" | "isRoot"> {
  const isLinux = process.platform === "linux";
  return {
    prlimit: isLinux ? findProgram("prlimit", searchPath) : undefined,
    setpriv: isLinux ? findProgram("setpriv", searchPath) : undefined,
    isRoot: process.getuid?.() === 0,
  };
}

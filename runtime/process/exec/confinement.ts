/**
 * The limits and the confinement that a spec demands of a program, and the launchers that enforce them on this machine.
 *
 * I1  A demand that the machine cannot enforce is refused: it is never passed over.
 */
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { type FunctionConfig, type Landlock, MIB } from "../../../contracts/index.ts";
import { type CgroupFolder, enterCgroup } from "./cgroup.ts";
import { pathsOf } from "./landlock-paths.ts";
import { findProgram } from "./launch.ts";
import { limitOf } from "./process-mark.ts";
import { relayTo } from "./relay.ts";

/** The door's socket in the folder of a program without a network. */
export const DOOR_SOCKET = ".nats.sock";

/** The means of a machine. A text tells why one is not there. */
export interface Means {
  /** The folder of cgroups v2 in which narun may make more, with its controllers. */
  cgroup: CgroupFolder | string;
  /** The path of `prlimit`. */
  prlimit: string | undefined;
  /** How many files a process may have open at most; undefined: without a bound. */
  maxOpenFiles: number | undefined;
  /** Whether processes may be marked. A narun below a program of narun cannot raise its own mark. */
  canMark: boolean;
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
  /** The mark of its processes (process-mark.ts). */
  mark: bigint;
}

/** Default of `folderMB`. */
export const DEFAULT_FOLDER_MB = 1_024;
/** Default of `openFiles`. */
const DEFAULT_OPEN_FILES = 10_240;

/** The launchers for a program; a text tells which demand cannot be met, and why. */
export function confine({ config, means, root, instance, mark }: ConfineOptions): Confined | string {
  const { user, landlock, network, folderMB = DEFAULT_FOLDER_MB } = config;
  const amounts = amountsOf(config, means);
  if (typeof amounts === "string") return amounts;
  const rlimits = rlimitsOf(config, means, [...amounts.rlimits, ...markOf(means, mark)]);
  if (typeof rlimits === "string") return rlimits;
  const asUser = userOf(user, means);
  if (typeof asUser === "string") return asUser;
  const sandboxed = sandboxOf({ landlock, network, means, root });
  if (typeof sandboxed === "string") return sandboxed;
  const deathSignal = means.setpriv === undefined ? [] : [means.setpriv, "--pdeathsig", "KILL", "--"];
  const cgroup = amounts.cgroup === undefined ? undefined : join(amounts.cgroup, instance);
  return {
    launchers: [
      ...(cgroup === undefined ? [] : enterCgroup(cgroup)),
      ...rlimits.command,
      // bubblewrap has a way of its own to end with its parent, and the user changes before.
      ...[...asUser, ...(sandboxed.length > 0 ? sandboxed : deathSignal)],
    ],
    inForce: [
      ...[...amounts.inForce, ...rlimits.inForce],
      `a folder of ${folderMB} MiB by a look each second`,
      ...(user === undefined ? [] : [`user ${user}`]),
      ...(landlock === undefined ? [] : ["its own paths by bubblewrap"]),
      ...(network === false ? ["no network but NATS by bubblewrap"] : []),
    ],
    ...(cgroup === undefined ? {} : { cgroup }),
  };
}

interface Amounts {
  /** The folder of the cgroup; undefined: no cgroup is needed. */
  cgroup?: string;
  rlimits: string[];
  inForce: string[];
}

/** Memory, CPU and processes: by a cgroup, else by rlimits as far as they can. */
function amountsOf(config: FunctionConfig, { cgroup }: Means): Amounts | string {
  const { memoryMB, memoryMaxMB = memoryMB, cpuCores, pids, user } = config;
  const inForce: string[] = [];
  const wanted = [
    ...(memoryMaxMB === undefined ? [] : ["memory"]),
    ...(cpuCores === undefined ? [] : ["cpu"]),
    ...(pids === undefined ? [] : ["pids"]),
  ];
  if (wanted.length === 0) return { rlimits: [], inForce };
  if (typeof cgroup !== "string" && wanted.every((name) => cgroup.controllers.has(name))) {
    if (memoryMaxMB !== undefined) inForce.push(`memory ${memoryMaxMB} MiB by cgroup`);
    if (cpuCores !== undefined) inForce.push(`${cpuCores} CPU cores by cgroup`);
    if (pids !== undefined) inForce.push(`${pids} processes by cgroup`);
    return { cgroup: cgroup.folder, rlimits: [], inForce };
  }
  const why = typeof cgroup === "string" ? cgroup : `it has no controllers ${wanted.join(", ")}`;
  if (cpuCores !== undefined) return `cpuCores needs a cgroup v2 that narun may write to: ${why}`;
  // An rlimit counts all processes of a user, and none of root's.
  if (pids !== undefined && (user === undefined || user === "root"))
    return `pids needs a cgroup v2 that narun may write to (${why}), or a user of the program's own`;
  if (memoryMaxMB !== undefined) inForce.push(`memory ${memoryMaxMB} MiB of data of each process by rlimit`);
  if (pids !== undefined) inForce.push(`${pids} processes of the user by rlimit`);
  const rlimits = [
    ...(memoryMaxMB === undefined ? [] : [`--data=${memoryMaxMB * MIB}`]),
    ...(pids === undefined ? [] : [`--nproc=${pids}`]),
  ];
  return { rlimits, inForce };
}

function markOf({ canMark }: Means, mark: bigint): string[] {
  return canMark ? [`--locks=${mark}`] : [];
}

/** The rlimits of each process. A default is passed over where the system cannot set it, a demand is not. */
function rlimitsOf(
  { openFiles, fileMB, memoryMB, memoryMaxMB, pids }: FunctionConfig,
  { prlimit, maxOpenFiles }: Means,
  others: readonly string[],
): { command: string[]; inForce: string[] } | string {
  const isDemanded = [openFiles, fileMB, memoryMB, memoryMaxMB, pids].some((limit) => limit !== undefined);
  if (prlimit === undefined) {
    const missing = "rlimits need the program prlimit (util-linux), which is not here";
    return isDemanded ? missing : { command: [], inForce: [] };
  }
  const files = openFiles ?? Math.min(DEFAULT_OPEN_FILES, maxOpenFiles ?? DEFAULT_OPEN_FILES);
  const limits = [
    ...[...others, `--nofile=${files}`],
    ...(fileMB === undefined ? [] : [`--fsize=${fileMB * MIB}`]),
  ];
  const inForce = [
    `${files} open files by rlimit`,
    ...(fileMB === undefined ? [] : [`files of ${fileMB} MiB by rlimit`]),
  ];
  return { command: [prlimit, "--core=0", ...limits, "--"], inForce };
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

/** The launchers of this machine. */
export function findLaunchers(searchPath: string): Omit<Means, "cgroup" | "bubblewrap"> {
  const isLinux = process.platform === "linux";
  const prlimit = isLinux ? findProgram("prlimit", searchPath) : undefined;
  const openFiles = limitOf("self", "Max open files");
  return {
    prlimit,
    maxOpenFiles: openFiles === undefined ? undefined : Number(openFiles),
    canMark: prlimit !== undefined && limitOf("self", "Max file locks") === undefined,
    setpriv: isLinux ? findProgram("setpriv", searchPath) : undefined,
    isRoot: process.getuid?.() === 0,
  };
}

/** The cgroups (v2) of programs: one below a folder that hands its controllers on to narun. */
import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type FunctionConfig, MIB, messageOf, NarunError } from "../../../contracts/index.ts";

/** A folder in which narun may make cgroups, and the controllers that these have. */
export interface CgroupFolder {
  folder: string;
  controllers: ReadonlySet<string>;
}

/** Where the kernel tells of this process: files of proc(5). */
export interface CgroupSources {
  own: string;
  mounts: string;
}

const SYSTEM: CgroupSources = { own: "/proc/self/cgroup", mounts: "/proc/mounts" };

/**
 * The folder for cgroups: that of this process, or the one above it, as a group with processes of its own hands nothing on. A
 * text tells why there is none.
 */
export function findCgroup(sources: CgroupSources = SYSTEM): CgroupFolder | string {
  if (process.platform !== "linux") return "cgroups are Linux'";
  try {
    const own = /^0::(.*)$/m.exec(readFileSync(sources.own, "utf8"))?.[1];
    const mount = /^\S+ (\S+) cgroup2 /m.exec(readFileSync(sources.mounts, "utf8"))?.[1];
    if (own === undefined || mount === undefined) return "cgroup v2 is not mounted";
    const folder = join(mount, own);
    const above = own === "/" ? [] : [dirname(folder)];
    const found = [folder, ...above].map(lookAt);
    return found.find((one) => typeof one !== "string") ?? found[0] ?? "";
  } catch (error) {
    return messageOf(error);
  }
}

function lookAt(folder: string): CgroupFolder | string {
  try {
    const text = readFileSync(join(folder, "cgroup.subtree_control"), "utf8").trim();
    const controllers = new Set(text === "" ? [] : text.split(/\s+/));
    if (!controllers.has("memory")) return `${folder} hands no controllers on (cgroup.subtree_control)`;
    accessSync(folder, constants.W_OK);
    readdirSync(folder);
    return { folder, controllers };
  } catch (error) {
    return messageOf(error);
  }
}

type Limits = Pick<FunctionConfig, "memoryMB" | "memoryMaxMB" | "cpuCores" | "pids">;

const CPU_PERIOD = 100_000;

/** Makes the cgroup of a program, with its limits. Error: NODE_CANNOT_CONFINE, with the file that cannot be written. */
export function makeCgroup(folder: string, { memoryMB, memoryMaxMB, cpuCores, pids }: Limits): void {
  const write = (file: string, value: string | number) => writeFileSync(join(folder, file), String(value));
  const hard = memoryMaxMB ?? memoryMB;
  let isOwn = false;
  try {
    mkdirSync(folder);
    isOwn = true;
    if (hard !== undefined) write("memory.max", hard * MIB);
    if (memoryMB !== undefined && memoryMaxMB !== undefined) write("memory.high", memoryMB * MIB);
    if (cpuCores !== undefined) write("cpu.max", `${Math.round(cpuCores * CPU_PERIOD)} ${CPU_PERIOD}`);
    if (pids !== undefined) write("pids.max", pids);
  } catch (error) {
    if (isOwn) leaveCgroup(folder);
    throw new NarunError("NODE_CANNOT_CONFINE", { detail: messageOf(error) }, { cause: error });
  }
}

/** Error: NODE_CANNOT_CONFINE, with the file that cannot be written. */
export function makeProgramCgroup(folder: string, config: FunctionConfig): void {
  try {
    makeCgroup(folder, config);
  } catch (error) {
    throw new NarunError("NODE_CANNOT_CONFINE", { detail: messageOf(error) }, { cause: error });
  }
}

/** The command line before a program's own: its first process enters the cgroup before the program begins. */
export function enterCgroup(folder: string): string[] {
  return ["/bin/sh", "-c", `echo $$ > "$0" && exec "$@"`, join(folder, "cgroup.procs")];
}

/** Kills all processes of a cgroup, also processes that left the program's group and folder. */
export function killCgroup(folder: string): void {
  try {
    writeFileSync(join(folder, "cgroup.kill"), "1");
  } catch {
    // Linux before 5.14 has no such file.
  }
}

export function leaveCgroup(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // A process of it is still ending: the folder stays, and is empty.
  }
}

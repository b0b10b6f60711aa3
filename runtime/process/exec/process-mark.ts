/**
 * A mark that the kernel hands on from a process to all that it starts: an rlimit of no other use. RLIMIT_LOCKS counts nothing
 * since Linux 2.4.25, and takes any number. A child that cleared its environment and left its folder, its group and its session
 * still has it.
 */
import { createHash, randomInt } from "node:crypto";
import { readFileSync } from "node:fs";

/** Bits of the mark that are the program's own. The bits above are of the folder of its runner's programs. */
const OWN_BITS = 24n;
const FOLDER_BYTES = 4;
/** Keeps marks far from numbers that anyone would choose as a limit. */
const HIGH_BIT = 1n << 60n;

/** Another one for each start. */
export function createMark(folder: string): bigint {
  return (folderPart(folder) << OWN_BITS) | BigInt(randomInt(2 ** Number(OWN_BITS)));
}

/** Whether a mark is that of a program of the runner with this folder. */
export function isMarkOf(folder: string, mark: bigint): boolean {
  return mark >> OWN_BITS === folderPart(folder);
}

function folderPart(folder: string): bigint {
  const digest = createHash("sha256").update(folder).digest("hex");
  return BigInt(`0x${digest.slice(0, 2 * FOLDER_BYTES)}`) | (HIGH_BIT >> OWN_BITS);
}

/** The rlimits of a process, hard ones, by their names in /proc; undefined: unlimited, or not known. */
export function limitOf(pid: number | "self", name: "Max file locks" | "Max open files"): bigint | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/limits`, "latin1");
    const line = text.split("\n").find((one) => one.startsWith(name));
    const hard = line?.slice(name.length).trim().split(/\s+/)[1];
    return hard === undefined || hard === "unlimited" ? undefined : BigInt(hard);
  } catch {
    return undefined;
  }
}

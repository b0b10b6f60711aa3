import { readFile } from "node:fs/promises";

/** The use of memory and CPU time of a process and of its ended children that it has waited for. */
export interface ProcessUsage {
  maxRssBytes: number;
  userSeconds: number;
  systemSeconds: number;
}

/** Linux tells times in hundredths of a second to programs; its own clock may have another unit. */
const TICKS_PER_SECOND = 100;
const KIB = 1_024;

/** Reads the usage of a process. Undefined where it has ended, and on other systems than Linux. */
export async function readProcessUsage(pid: number): Promise<ProcessUsage | undefined> {
  try {
    const [stat, status] = await Promise.all([
      readFile(`/proc/${pid}/stat`, "utf8"),
      readFile(`/proc/${pid}/status`, "utf8"),
    ]);
    return parseUsage(stat, status);
  } catch {
    return undefined;
  }
}

/** Parses the texts of /proc (proc(5)). The program's own name may have spaces and parentheses. */
export function parseUsage(stat: string, status: string): ProcessUsage | undefined {
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  const fields = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  // The fields 14 to 17, counted from 1; the name is the second.
  const [user, system, childrenUser, childrenSystem] = fields.slice(11, 15);
  if (peak === undefined || user === undefined || system === undefined) return undefined;
  return {
    maxRssBytes: Number(peak) * KIB,
    userSeconds: (user + (childrenUser ?? 0)) / TICKS_PER_SECOND,
    systemSeconds: (system + (childrenSystem ?? 0)) / TICKS_PER_SECOND,
  };
}

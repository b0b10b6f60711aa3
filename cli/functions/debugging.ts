import { type Build, loadFunction, reconfigure } from "../../builder/index.ts";

/** Limits under a debugger: a person at a breakpoint thinks for longer than any usual limit allows. */
const DEBUG_LIMITS = { timeoutMs: 3_600_000, waitUntilMs: 900_000 };

/** Lower bound of `cpuMs` under a debugger. A pause takes no CPU time, looking at values does. */
const MIN_DEBUG_CPU_MS = 10_000;

/** The address for debuggers, and the inspected functions. */
export interface InspectOptions {
  host: string;
  port: number;
  /** The functions' folders by their names. */
  folders: ReadonlyMap<string, string>;
}

/** The folders by the names of their functions. A folder with a wrong narun.yaml is left out; its build reports the error. */
export async function foldersByName(folders: readonly string[]): Promise<Map<string, string>> {
  const loaded = await Promise.all(folders.map((folder) => loadFunction(folder).catch(() => undefined)));
  return new Map(loaded.flatMap((one) => (one === undefined ? [] : [[one.config.name, one.dir] as const])));
}

/** A build for a debugger: one instance that stays, and limits that a breakpoint does not exceed. */
export function forDebugging(build: Build): Build {
  const { scale, limits } = build.config;
  return reconfigure(build, {
    scale: { ...scale, min: Math.max(1, scale.min) },
    limits: { ...limits, ...DEBUG_LIMITS, cpuMs: Math.max(MIN_DEBUG_CPU_MS, limits.cpuMs) },
  });
}

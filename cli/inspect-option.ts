import { type Build, loadFunction, reconfigure } from "../builder/index.ts";
import { parseAddress } from "./option-values.ts";

const DEFAULT_ADDRESS = "127.0.0.1:9229";

/** Whoever debugs thinks for longer than any limit allows. Time at a breakpoint is no CPU time; looking around costs some. */
const DEBUG_LIMITS = { timeoutMs: 3_600_000, waitUntilMs: 900_000 };
const MIN_DEBUG_CPU_MS = 10_000;

export interface InspectOptions {
  host: string;
  port: number;
  /** The functions' folders by their names. */
  folders: ReadonlyMap<string, string>;
}

/**
 * `--inspect [HOST:PORT]`, whose value is optional: what follows it and is no address is the command's own argument.
 * Error: USAGE.
 */
export function splitInspect(
  flag: string | boolean | undefined,
  dir: string | undefined,
): { address: { host: string; port: number } | undefined; dir: string | undefined } {
  if (flag === undefined || flag === false) return { address: undefined, dir };
  const isArgument = typeof flag === "string" && dir === undefined && !/:\d{1,5}$/.test(flag);
  const text = typeof flag === "string" && !isArgument ? flag : DEFAULT_ADDRESS;
  return { address: parseAddress(text, "--inspect"), dir: isArgument ? flag : dir };
}

/** The folders by the names of their functions; one whose narun.yaml is wrong is told of when it is built. */
export async function foldersByName(folders: readonly string[]): Promise<Map<string, string>> {
  const loaded = await Promise.all(folders.map((folder) => loadFunction(folder).catch(() => undefined)));
  return new Map(loaded.flatMap((one) => (one === undefined ? [] : [[one.config.name, one.dir] as const])));
}

/** A build as it is debugged: one instance, which stays, and limits that a breakpoint does not pass. */
export function forDebugging(build: Build): Build {
  const { scale, limits } = build.config;
  return reconfigure(build, {
    scale: { ...scale, min: Math.max(1, scale.min) },
    limits: { ...limits, ...DEBUG_LIMITS, cpuMs: Math.max(MIN_DEBUG_CPU_MS, limits.cpuMs) },
  });
}

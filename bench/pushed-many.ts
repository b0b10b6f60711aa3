/** Many functions in a data folder. One push serves several sections, as it takes longer than their measurements. */
import type { Bench } from "./frame/bench.ts";
import { writeMany } from "./functions.ts";
import { peakMemory, runnerOf } from "./processes.ts";
import { makeDataDirs, type System, type SystemOptions, startSystem } from "./system.ts";

export interface PushedMany extends AsyncDisposable {
  names: readonly string[];
  dataDir: string;
  /** From the start of the system to its report, after the push. */
  readyMs: number;
  /** The most that the runner had resident. */
  runnerBytes: number;
}

/** Pushes functions whose files are new: a folder that was pushed before may keep its builds. */
export async function pushMany(
  count: number,
  { root, idleSeconds }: { root?: string; idleSeconds?: number } = {},
): Promise<PushedMany> {
  await using stack = new AsyncDisposableStack();
  const dataDir = stack.use(await makeDataDirs()).of("many");
  await using functions = await writeMany(count, idleSeconds);
  await using system = await startWhole(functions.folder, { dataDir, ...(root !== undefined && { root }) });
  const pushed = {
    ...{ names: functions.names, dataDir },
    ...{ readyMs: system.readyMs, runnerBytes: peakMemory(runnerOf(system.pid)) },
  };
  const owned = stack.move();
  return { ...pushed, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Rejects if a function did not start. */
export async function startWhole(folder: string, options: SystemOptions): Promise<System> {
  const system = await startSystem([folder], options);
  const [failed] = system.failed;
  if (failed === undefined) return system;
  await system[Symbol.asyncDispose]();
  throw new Error(`${failed.function}: ${failed.message}`);
}

const kept = new WeakMap<Bench, PushedMany>();

/** Keeps a push for later sections of the run. */
export function keepPushed(bench: Bench, pushed: PushedMany): void {
  kept.set(bench, bench.atEnd.use(pushed));
}

/** The push that an earlier section kept, if it has so many functions. */
export function keptPush(bench: Bench, count: number): PushedMany | undefined {
  const pushed = kept.get(bench);
  return pushed?.names.length === count ? pushed : undefined;
}

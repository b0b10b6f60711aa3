import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A `narun up` on free ports, with a data folder of its own. */
export interface System extends AsyncDisposable {
  readonly http: string;
  /** `HOST:PORT` */
  readonly grpc: string;
  readonly nats: string;
  /** The process of the command, which has the gateway in it. */
  readonly pid: number;
  /** Milliseconds from the start of the process to the line that reports it ready. */
  readonly readyMs: number;
  /** The functions that did not start. */
  readonly failed: readonly { function: string; message: string }[];
}

/** This checkout of narun. */
export const HERE = fileURLToPath(new URL("../", import.meta.url));

const FREE_PORTS = [
  "--http",
  "127.0.0.1:0",
  "--grpc",
  "127.0.0.1:0",
  "--metrics",
  "127.0.0.1:0",
  "--nats-port",
  "0",
];

export interface SystemOptions {
  /** The checkout of narun. Default: this one. */
  root?: string;
  /** Further variables of the environment. */
  env?: Readonly<Record<string, string>>;
  /** A data folder that stays. Default: a new one, which is deleted at the end. */
  dataDir?: string;
}

/** The environment of a system whose gateway and hosts speak over NATS alone. A checkout that has no other way ignores it. */
export const NATS_ONLY = { NARUN_SHORT_PATH: "off" };

/** Starts `narun up` with folders of functions. */
export async function startSystem(
  folders: readonly string[],
  { root = HERE, env = {}, dataDir: kept }: SystemOptions = {},
): Promise<System> {
  const dataDir = kept ?? (await mkdtemp(join(tmpdir(), "narun-bench-")));
  const startedAt = performance.now();
  const child = spawn(
    process.execPath,
    [join(root, "bin/narun.cjs"), "up", ...folders, ...FREE_PORTS, "--data-dir", dataDir, "--json"],
    { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env } },
  );
  const addresses = JSON.parse(await firstLine(child)) as Pick<System, "http" | "grpc" | "nats" | "failed">;
  return {
    ...addresses,
    pid: child.pid ?? 0,
    readyMs: performance.now() - startedAt,
    async [Symbol.asyncDispose]() {
      await end(child);
      if (kept === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Data folders that several starts of a system share. They are deleted when it is disposed. */
export async function makeDataDirs(): Promise<{ of(name: string): string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "narun-bench-data-"));
  return {
    of: (name) => join(folder, name),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/**
 * Runs a command of the CLI to its end. Resolves with its duration in milliseconds. `root`: the checkout that has the
 * command, as another checkout may write data that this one cannot read.
 */
export async function timeCli(args: string[], natsUrl: string, root = HERE): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [join(root, "bin/narun.cjs"), ...args, "--nats", natsUrl, "--json"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const code = await new Promise((resolve) => child.on("exit", resolve));
  if (code !== 0) throw new Error(`narun ${args.join(" ")} ended with ${code}`);
  return performance.now() - startedAt;
}

/** How long a process may take to its first line. A `narun up` pushes its functions before. */
const FIRST_LINE_MS = 15 * 60_000;

/** Kills a process that takes too long. */
export function firstLine(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  if (child.stdout === null) throw new Error("the process has no output");
  const timer = setTimeout(() => {
    child.kill("SIGKILL");
    reject(new Error(`the process wrote no line for ${FIRST_LINE_MS} ms`));
  }, FIRST_LINE_MS);
  createInterface({ input: child.stdout }).once("line", resolve);
  child.once("error", reject);
  child.once("exit", (code) => reject(new Error(`the process ended with ${code}`)));
  return promise.finally(() => clearTimeout(timer));
}

/** How long a process may take to end before it is killed. */
const END_MS = 15_000;

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const kill = setTimeout(() => child.kill("SIGKILL"), END_MS);
  await ended;
  clearTimeout(kill);
}

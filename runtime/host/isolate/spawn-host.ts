/**
 * Starts the process of an isolate host: no environment but what its C library reads, no arguments, Node's permission model with reading of its own
 * program only; and where bubblewrap works, in namespaces of its own with nothing else mounted.
 */
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { wrapCommand } from "./bubblewrap.ts";
import type { HostProgram } from "./host-program.ts";
import type { FromHost, ToHost } from "./ipc.ts";
import { MACHINE_STATE_FILE } from "./machine-state-file.ts";

/** What a host process runs in besides Node's permission model: the path of bubblewrap's program, where it is used. */
export interface HostSandbox {
  bubblewrap: string | undefined;
  /** The most memory that an isolate may have, where the node bounds it. */
  maxMemoryMb: number | undefined;
}

export interface SpawnedHost {
  /** Of the host itself, whatever it is wrapped in. */
  readonly pid: number | undefined;
  send(message: ToHost): void;
  /** Ends it at once. */
  kill(): void;
}

interface HostParts {
  program: HostProgram;
  sandbox: HostSandbox;
}

interface HostHandlers {
  onMessage(message: FromHost): void;
  /** What it writes on standard error. */
  onText(text: string): void;
  onError(error: Error): void;
  onEnd(exitCode: number | null, signal: string | null): void;
}

export function spawnHost({ program, sandbox }: HostParts, handlers: HostHandlers): SpawnedHost {
  program.restore();
  const { bubblewrap, maxMemoryMb } = sandbox;
  const command = [process.execPath, ...nodeOptions(program.readable, maxMemoryMb), program.file];
  const [first = "", ...values] =
    bubblewrap === undefined ? command : wrapCommand(bubblewrap, command, program.readable);
  const child = spawn(first, values, {
    env: HOST_ENVIRONMENT,
    serialization: "advanced",
    stdio: ["ignore", "ignore", "pipe", "ipc", ...(bubblewrap === undefined ? [] : (["pipe"] as const))],
  } as SpawnOptions);
  const innerPid = bubblewrap === undefined ? undefined : followInnerPid(child);
  const pidOf = () => (innerPid === undefined ? child.pid : innerPid());

  child.on("message", (message: FromHost) => handlers.onMessage(message));
  child.stderr?.on("data", (chunk: Buffer) => handlers.onText(chunk.toString()));
  let exit: [number | null, string | null] | undefined;
  let hasEnded = false;
  const endWhenGone = () => {
    // A wrapper that somebody ended is not the host: that one is gone when its channel is.
    if (exit === undefined || child.connected || hasEnded) return;
    hasEnded = true;
    handlers.onEnd(...exit);
  };
  child.on("error", (error) => {
    handlers.onError(error);
    // One that could not even be started ends without an exit.
    if (child.pid !== undefined) return;
    hasEnded = true;
    handlers.onEnd(null, null);
  });
  child.on("exit", (code, signal) => {
    exit = [code, signal];
    endWhenGone();
  });
  child.on("disconnect", endWhenGone);
  return {
    get pid() {
      return pidOf();
    },
    send(message) {
      if (child.connected) child.send(message);
    },
    kill() {
      const pid = pidOf();
      child.kill("SIGKILL");
      if (pid !== undefined && pid !== child.pid) killProcess(pid);
    },
  };
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** bubblewrap says who the first process in its namespace is; the host is that one's child. */
function followInnerPid(child: ChildProcess): () => number | undefined {
  let first: number | undefined;
  let host: number | undefined;
  let text = "";
  const info = child.stdio[4] as Readable | null | undefined;
  info?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    const pid = /"child-pid":\s*(\d+)/.exec(text)?.[1];
    if (pid !== undefined) first = Number(pid);
  });
  return () => {
    if (host === undefined && first !== undefined) host = childOf(first);
    return host;
  };
}

function childOf(pid: number): number | undefined {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    return children === "" ? undefined : Number(children.split(" ")[0]);
  } catch {
    return undefined;
  }
}

/**
 * How glibc keeps memory; other C libraries ignore it. With its defaults each of a host's many threads gets an arena of
 * its own, and 64 KB chunks of streams leave holes in them: 40 MB of free memory that the system does not get back. Fewer
 * arenas, and a heap that is trimmed at every chance, would cost small requests a tenth of their time.
 */
export const HOST_ENVIRONMENT: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: "4",
  MALLOC_MMAP_THRESHOLD_: "32768",
  MALLOC_TRIM_THRESHOLD_: "4194304",
  // A function sees the same zone on every node, whatever the machine's is: Date and Intl read this one.
  TZ: "UTC",
};

/** Pages of a WebAssembly memory. */
const PAGES_PER_MB = 16;

/** The options of Node that a host runs with. */
export function nodeOptions(readable: readonly string[], maxMemoryMb?: number): string[] {
  return [
    "--no-node-snapshot",
    // With it V8 drops the interrupt checks of some loops, and then no limit ends them: memory grew to gigabytes.
    "--no-turboshaft-loop-unrolling",
    // What is young is nearly all dead, here and in the isolates. Collected often it takes 50 MB less, and by one thread less
    // time than it takes to wake others.
    "--max-semi-space-size=1",
    "--no-parallel-scavenge",
    ...(maxMemoryMb === undefined ? [] : [`--wasm-max-mem-pages=${maxMemoryMb * PAGES_PER_MB}`]),
    "--disable-sigusr1",
    "--permission",
    "--allow-addons",
    "--allow-net",
    // What a function fetches may be signed by the organisation that runs the machine.
    "--use-system-ca",
    `--allow-fs-read=${MACHINE_STATE_FILE}`,
    ...readable.map((folder) => `--allow-fs-read=${folder}`),
    "--disable-warning=SecurityWarning",
    "--disable-warning=ExperimentalWarning",
  ];
}

/**
 * Starts the process of an isolate host. Its environment has only variables of the C library, its one argument is the file of its
 * compiled code, and Node's permission model lets it read its own program only. Where bubblewrap works the process has namespaces
 * of its own, with nothing else mounted.
 */
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { wrapCommand } from "./bubblewrap.ts";
import type { HostProgram } from "./image/host-program.ts";
import type { FromHost, ToHost } from "./ipc.ts";
import { MACHINE_STATE_FILE } from "./machine-state-file.ts";
import type { HostSocket } from "./run-folder.ts";

/** The confinement of a host process besides Node's permission model. */
export interface HostSandbox {
  /** The path of bubblewrap's program, where it is used. */
  bubblewrap: string | undefined;
  /** Upper bound of an isolate's memory, where the node has one. */
  maxMemoryMb: number | undefined;
}

export interface SpawnedHost {
  /** The process id of the host itself, not of its wrapper. */
  readonly pid: number | undefined;
  send(message: ToHost): void;
  /** Ends the process at once. */
  kill(): void;
}

interface HostParts {
  program: HostProgram;
  sandbox: HostSandbox;
  /** Undefined: it has none. Node's permission model counts a socket as network. */
  socket: HostSocket | undefined;
}

interface HostHandlers {
  onMessage(message: FromHost): void;
  /** The process wrote to its standard error. */
  onText(text: string): void;
  onError(error: Error): void;
  onEnd(exitCode: number | null, signal: string | null): void;
}

export function spawnHost({ program, sandbox, socket }: HostParts, handlers: HostHandlers): SpawnedHost {
  program.restore();
  const { bubblewrap, maxMemoryMb } = sandbox;
  const options = program.options ?? nodeOptions(program.readable, maxMemoryMb);
  const command = [process.execPath, ...options, program.file, ...(program.arguments ?? [])];
  const [first = "", ...values] =
    bubblewrap === undefined ? command : wrapCommand(bubblewrap, command, program.readable, socket?.folder);
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
    // A wrapper may end before the host. The host is gone when its channel is closed.
    if (exit === undefined || child.connected || hasEnded) return;
    hasEnded = true;
    handlers.onEnd(...exit);
  };
  child.on("error", (error) => {
    handlers.onError(error);
    // A process that could not be started ends without an `exit` event.
    if (child.pid !== undefined) return;
    hasEnded = true;
    handlers.onEnd(null, null);
  });
  const kill = () => {
    const pid = pidOf();
    child.kill("SIGKILL");
    if (pid !== undefined && pid !== child.pid) killProcess(pid);
  };
  // bubblewrap ends with its host's code. A host outlives a bubblewrap that is killed.
  const endUnwrapped = () => {
    kill();
    // Before bubblewrap has named the host: it ends with its channel.
    if (pidOf() === undefined && child.connected) child.disconnect();
  };
  child.on("exit", (code, signal) => {
    exit = [code, signal];
    if (bubblewrap !== undefined && signal !== null) endUnwrapped();
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
    kill,
  };
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** bubblewrap reports the first process of its namespace. The host is the child of that process. */
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
 * Settings of glibc's allocator; other C libraries ignore them. With the defaults each of a host's many threads gets an arena of
 * its own, and 64 KB chunks of streams leave holes in them: 40 MB of free memory that the system does not get back. Fewer arenas
 * than these, and a heap that is trimmed at every chance, would cost small requests a tenth of their time.
 */
export const HOST_ENVIRONMENT: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: "4",
  // Above the chunks of streams: each that is mapped costs 16 faults, and a message to the other cores when it is unmapped.
  MALLOC_MMAP_THRESHOLD_: "131072",
  MALLOC_TRIM_THRESHOLD_: "4194304",
  // Date and Intl read this zone: functions see the same one on every node.
  TZ: "UTC",
};

/** The number of pages of a WebAssembly memory in a MB. */
const PAGES_PER_MB = 16;

/** Node's options for a host. */
export function nodeOptions(readable: readonly string[], maxMemoryMb?: number): string[] {
  return [
    "--no-node-snapshot",
    // Unrolling removes the interrupt checks of some loops, and then no limit ends them: memory grew to gigabytes.
    "--no-turboshaft-loop-unrolling",
    // Nearly all young objects are garbage. V8's default takes 50 MB more, and less than this a tenth more time. One thread collects
    // it in less time than waking others takes. Isolates have less (engine.ts).
    "--max-semi-space-size=4",
    "--no-parallel-scavenge",
    ...(maxMemoryMb === undefined ? [] : [`--wasm-max-mem-pages=${maxMemoryMb * PAGES_PER_MB}`]),
    "--disable-sigusr1",
    "--permission",
    "--allow-addons",
    "--allow-net",
    // Functions may fetch from servers whose certificates the machine's own organisation has signed.
    "--use-system-ca",
    `--allow-fs-read=${MACHINE_STATE_FILE}`,
    ...readable.map((folder) => `--allow-fs-read=${folder}`),
    "--disable-warning=SecurityWarning",
    "--disable-warning=ExperimentalWarning",
  ];
}

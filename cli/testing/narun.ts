/** Runs the real command line in processes of its own: the built files of the sources, as `narun` does. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { inject } from "vitest";
import type { ProcessIdentity } from "../../machine/index.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { cacheFolderOf, copyImages } from "../../test/harness/images.ts";
import { narunMain } from "../../test/harness/narun-main.ts";
import { descendantsOf, endAll } from "./processes.ts";

export interface NarunOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** Standard input. Default: empty. */
  input?: string | Uint8Array;
  /** How long the process may run before it is killed. Default: 5 s less than a test. */
  limitMs?: number;
}

export interface Ended {
  /** Null after a signal. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Narun extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves with the match as soon as the output has it. Rejects if the process ends before. */
  shows(pattern: RegExp): Promise<RegExpExecArray>;
  /** The processes that it started, and their descendants. */
  descendants(): ProcessIdentity[];
  kill(signal: NodeJS.Signals): void;
  ended: Promise<Ended>;
}

/** Starts a command. Disposal kills it and its descendants. */
export function startNarun(
  args: readonly string[],
  { cwd, env = {}, input, limitMs = inject("testTimeoutMs") - 5_000 }: NarunOptions = {},
): Narun {
  const cacheFolder = cacheFolderOf(args, cwd ?? process.cwd());
  if (cacheFolder !== undefined) copyImages(inject("nodeCache"), cacheFolder);
  const child = spawn(process.execPath, [narunMain, ...args], { cwd, env: environment(env), stdio: "pipe" });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  // A command that fails at once does not read its input.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const limit = setTimeout(() => child.kill("SIGKILL"), limitMs);
  const ended = once(child, "close").then(([code]) => {
    clearTimeout(limit);
    return { code, stdout, stderr };
  });
  const descendants = () => (child.pid === undefined ? [] : descendantsOf(child.pid));
  return {
    child,
    ended,
    descendants,
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    shows: (pattern) =>
      Promise.race([
        // A start on a busy machine takes long. The process' own limit bounds the wait.
        eventually(
          () => {
            const match = pattern.exec(`${stdout}\n${stderr}`);
            if (match === null) throw new Error(`${pattern} is not in:\n${stdout}\n${stderr}`);
            return match;
          },
          { timeoutMs: limitMs },
        ),
        ended.then(({ code }) => {
          const match = pattern.exec(`${stdout}\n${stderr}`);
          if (match === null) throw new Error(`it ended with ${code}:\n${stdout}\n${stderr}`);
          return match;
        }),
      ]),
    kill: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      const left = descendants();
      child.kill("SIGKILL");
      await ended;
      await endAll(left);
    },
  };
}

/** Runs a command to its end. */
export async function narun(args: readonly string[], options: NarunOptions = {}): Promise<Ended> {
  await using running = startNarun(args, options);
  return await running.ended;
}

/** Options for free ports, so that several worlds run on the machine. */
export const FREE_PORTS = ["--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--nats-port", "0"];

/** The test runner's environment without variables for Node, NATS and narun. */
function environment(env: Record<string, string>): NodeJS.ProcessEnv {
  const isOthers = (name: string) => /^(NODE_OPTIONS|NARUN_.*|NATS_.*)$/.test(name);
  const rest = Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOthers(name)));
  return { ...rest, NARUN_NATS_SERVER: inject("natsServer"), ...env };
}

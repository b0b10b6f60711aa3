import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { narunMain } from "./narun-main.ts";

/** A node-runner in a process of its own. */
export interface TestNode {
  readonly name: string;
  readonly pid: number;
  /** The base URL of its metrics. */
  readonly metricsUrl: string;
  /** The base URL of Runtara's HTTP door. Throws where it has none. */
  readonly runtaraHttp: string;
  /** Kills the runner with SIGKILL. Resolves when it has ended. Its hosts have to notice by themselves. */
  kill9(): Promise<void>;
  /** SIGTERM: drains the runner. Resolves when it has ended. Rejects if it ended with an error. */
  drain(): Promise<void>;
}

export interface TestNodeOptions {
  name: string;
  natsUrl: string;
  cacheDir: string;
  /** The master key of secrets. */
  secretsKey?: string | undefined;
  egressDeny?: readonly string[];
  /** Further arguments of the command line. */
  nodeArguments?: readonly string[];
  /** Further variables of its environment. */
  environment?: Readonly<Record<string, string>>;
  /** Called before the node is killed or stopped, with the pid of each process that it has started. */
  onEnding(pid: number): void;
}

/** Starts `narun node` and resolves when it takes work. It is not restarted. */
export async function startTestNode({
  name,
  natsUrl,
  cacheDir,
  secretsKey,
  egressDeny = [],
  nodeArguments = [],
  environment = {},
  onEnding,
}: TestNodeOptions): Promise<TestNode> {
  const level = process.env.NARUN_TEST_LOG ?? "error";
  const child = fork(
    narunMain,
    [
      ...["node", "--name", name, "--nats", natsUrl, "--cache-dir", cacheDir, "--log-level", level],
      ...egressDeny.flatMap((rule) => ["--egress-deny", rule]),
      ...nodeArguments,
    ],
    // The node does not inherit the test runner's flags.
    {
      execArgv: [],
      env: { ...process.env, NARUN_SECRETS_KEY: secretsKey, ...environment },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    },
  );
  let words = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    words += chunk.toString();
    if (process.env.NARUN_TEST_LOG !== undefined) process.stderr.write(chunk);
  });
  const ended = once(child, "exit");
  const [ready] = await Promise.race([
    once(child, "message") as Promise<[{ metrics: string; runtara?: { runtaraHttp?: string } }]>,
    ended.then(() => Promise.reject(new Error(`node ${name} did not start: ${words}`))),
  ]);
  const pid = pidOf(child);
  return {
    name,
    pid,
    metricsUrl: ready.metrics,
    get runtaraHttp() {
      const { runtaraHttp } = ready.runtara ?? {};
      if (runtaraHttp === undefined) throw new Error(`node ${name} has no door for Runtara`);
      return runtaraHttp;
    },
    async kill9() {
      for (const started of childrenOf(pid)) onEnding(started);
      child.kill("SIGKILL");
      await ended;
    },
    async drain() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      for (const started of childrenOf(pid)) onEnding(started);
      child.kill("SIGTERM");
      const [code, signal] = await ended;
      if (code !== 0) throw new Error(`node ${name} ended with ${signal ?? code}: ${words}`);
    },
  };
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error("a process that runs has a pid");
  return pid;
}

/** The children of a process (proc_pid_task_children(5)). Other systems than Linux have no simple way. */
function childrenOf(pid: number): number[] {
  if (process.platform !== "linux") return [];
  const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return pids === "" ? [] : pids.split(" ").map(Number);
}

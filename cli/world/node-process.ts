/**
 * A node-runner in a process of its own, which is restarted when it dies. It has its own session, so that the terminal's
 * Ctrl-C does not reach it: the parent ends it in order. If the parent dies, the IPC channel closes and the runner drains.
 */
import { type ChildProcess, fork } from "node:child_process";
import { extname, join } from "node:path";
import type { Logger } from "pino";
import { NarunError } from "../../contracts/index.ts";
import { createBackoff, sendSignal } from "../../machine/index.ts";
import type { NatsLogin } from "../../nats/index.ts";
import type { InspectOptions } from "../functions/debugging.ts";
import { handOn } from "../options/nats-access.ts";
import type { Environment } from "../options/resolve.ts";

export interface NodeProcess {
  readonly pid: number | undefined;
  /** The address for debuggers: `HOST:PORT`. */
  readonly inspectAddress: string | undefined;
  /** Lets the runner drain and ends it. */
  close(): Promise<void>;
  /** Kills the runner and its hosts. Their requests are lost. */
  kill(): void;
}

export interface NodeProcessOptions {
  natsUrl: string;
  /** The login to NATS. */
  login?: NatsLogin;
  cacheDir: string;
  /** The file with the key of secrets. Default: the environment has the key. */
  secretsKeyFile?: string;
  /** More arguments of `narun node`. */
  nodeArguments?: readonly string[];
  /** The environment, without a login to NATS. */
  environment: Environment;
  /** The address for debuggers. Default: none. */
  inspect?: InspectOptions;
  logLevel: string;
  log: Logger;
  /** Cancels a start. The promise rejects with its reason. */
  signal?: AbortSignal;
}

/** How long the runner may take to end before it is killed. Longer than its drain. */
const KILL_AFTER_MS = 40_000;

/** Starts a node-runner and resolves when it takes work. A runner that dies later is restarted. Error: NODE_RUNNER_FAILED. */
export async function startNodeProcess(options: NodeProcessOptions): Promise<NodeProcess> {
  const { log, signal } = options;
  const backoff = createBackoff({ firstMs: 200, maxMs: 10_000, forgetAfterMs: 60_000 });
  const first = Promise.withResolvers<void>();
  let child: ChildProcess | undefined;
  let restart: NodeJS.Timeout | undefined;
  let inspectAddress: string | undefined;
  let isReady = false;
  let isClosing = false;

  const start = () => {
    const started = forkNode(options);
    child = started;
    let words = "";
    started.on("message", (message: { inspect?: string }) => {
      isReady = true;
      inspectAddress = message.inspect;
      first.resolve();
    });
    started.stderr?.on("data", (chunk: Buffer) => {
      // The output of a runner that never became ready has the reason. Later output is its log.
      if (isReady) process.stderr.write(chunk);
      else words += chunk.toString();
    });
    started.on("exit", (code, signalName) => {
      child = undefined;
      if (isClosing) return;
      if (!isReady) {
        const detail = words.trim().replace(/^narun: /, "") || `it ended with ${signalName ?? code}`;
        first.reject(new NarunError("NODE_RUNNER_FAILED", { detail }));
        return;
      }
      const waitMs = backoff.fail(Date.now());
      log.warn({ code, signal: signalName, restartInMs: waitMs }, "node-runner died; it is restarted");
      restart = setTimeout(start, waitMs);
    });
  };
  const close = async () => {
    isClosing = true;
    clearTimeout(restart);
    const ending = child;
    if (ending === undefined) return;
    const ended = new Promise((resolve) => ending.once("exit", resolve));
    const timer = setTimeout(() => killGroup(ending.pid), KILL_AFTER_MS);
    ending.kill("SIGTERM");
    await ended;
    clearTimeout(timer);
  };

  start();
  const giveUp = () => first.reject(signal?.reason);
  signal?.addEventListener("abort", giveUp, { once: true });
  if (signal?.aborted) giveUp();
  try {
    await first.promise;
  } catch (error) {
    await close();
    throw error;
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
  return {
    get pid() {
      return child?.pid;
    },
    get inspectAddress() {
      return inspectAddress;
    },
    close,
    kill: () => killGroup(child?.pid),
  };
}

function forkNode({
  natsUrl,
  login = {},
  cacheDir,
  secretsKeyFile,
  nodeArguments = [],
  environment,
  inspect,
  logLevel,
}: NodeProcessOptions): ChildProcess {
  const main = join(import.meta.dirname, "..", `main${extname(import.meta.filename)}`);
  const { args, env } = handOn(login);
  const folders = [...(inspect?.folders ?? [])].flatMap(([name, folder]) => [
    "--inspect-folder",
    `${name}=${folder}`,
  ]);
  const inspected = inspect === undefined ? [] : ["--inspect", `${inspect.host}:${inspect.port}`, ...folders];
  return fork(
    main,
    [
      "node",
      "--quiet",
      "--nats",
      natsUrl,
      ...args,
      ...nodeArguments,
      ...inspected,
      "--cache-dir",
      cacheDir,
      ...(secretsKeyFile === undefined ? [] : ["--secrets-key", secretsKeyFile]),
      "--log-level",
      logLevel,
    ],
    { detached: true, env: { ...environment, ...env }, stdio: ["ignore", "ignore", "pipe", "ipc"] },
  );
}

/** Kills the runner with its hosts: they share a process group, which the detached runner leads. */
function killGroup(pid: number | undefined): void {
  if (pid !== undefined) sendSignal(-pid, "SIGKILL");
}

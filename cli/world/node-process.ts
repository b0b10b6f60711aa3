/**
 * A node-runner in a process of its own, which is restarted when it dies. It has its own session, so that the terminal's
 * Ctrl-C does not reach it: the parent ends it in order. If the parent dies, the IPC channel closes and the runner drains.
 */
import { type ChildProcess, fork } from "node:child_process";
import type { Logger } from "pino";
import { NarunError } from "../../contracts/index.ts";
import { createBackoff, sendSignal } from "../../machine/index.ts";
import type { NatsLogin } from "../../nats/index.ts";
import { mainFile } from "../built/main-file.ts";
import type { InspectOptions } from "../functions/debugging.ts";
import { handOn } from "../options/nats-access.ts";
import type { Environment } from "../options/resolve.ts";
import { type RuntaraAddresses, runtaraFlags } from "./runtara-addresses.ts";

export interface NodeProcess {
  readonly pid: number | undefined;
  /** The address for debuggers: `HOST:PORT`. */
  readonly inspectAddress: string | undefined;
  /** The base URL of its metrics. */
  readonly metricsUrl: string | undefined;
  /** They stay where the runner is restarted. */
  readonly runtara: RuntaraAddresses;
  /** Lets the runner drain and ends it. */
  close(): Promise<void>;
  /** Kills the runner and its hosts. Their requests are lost. */
  kill(): void;
}

export interface NodeProcessOptions {
  natsUrl: string;
  /** The login to NATS. */
  login?: NatsLogin;
  /** The file with the key of hosts' logins. Default: hosts log in as their node does. */
  hostsKey?: string;
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

/**
 * Settings of glibc's allocator; other C libraries ignore them. A start leaves holes in the arenas of a process' threads, 9 MB
 * of free memory that the system does not get back with the defaults.
 */
const ALLOCATOR: Environment = {
  MALLOC_ARENA_MAX: "2",
  MALLOC_MMAP_THRESHOLD_: "32768",
  MALLOC_TRIM_THRESHOLD_: "65536",
};

/** Starts a node-runner and resolves when it takes work. A runner that dies later is restarted. Error: NODE_RUNNER_FAILED. */
export async function startNodeProcess(options: NodeProcessOptions): Promise<NodeProcess> {
  const node = new SupervisedNode(options);
  try {
    await node.untilReady();
    return node;
  } catch (error) {
    await node.close();
    throw error;
  }
}

type Phase =
  /** The first runner, until it takes work. Its output has the reason if it fails. */
  | { kind: "starting"; child: ChildProcess; output: string }
  /** A later runner is in this phase from its fork on. Its output is its log. */
  | { kind: "running"; child: ChildProcess }
  | { kind: "pausing"; timer: NodeJS.Timeout }
  | { kind: "closing"; child: ChildProcess; isSilent: boolean }
  | { kind: "closed" };

/** The message of a runner that takes work. */
interface ReadyMessage {
  inspect?: string;
  metrics?: string;
  runtara?: RuntaraAddresses;
}

class SupervisedNode implements NodeProcess {
  readonly #options: NodeProcessOptions;
  readonly #backoff = createBackoff({ firstMs: 200, maxMs: 10_000, forgetAfterMs: 60_000 });
  readonly #ready = Promise.withResolvers<void>();
  #phase: Phase;
  #inspectAddress: string | undefined;
  #metricsUrl: string | undefined;
  #runtara: RuntaraAddresses = {};

  constructor(options: NodeProcessOptions) {
    this.#options = options;
    this.#phase = { kind: "starting", child: this.#fork(), output: "" };
  }

  get pid(): number | undefined {
    return "child" in this.#phase ? this.#phase.child.pid : undefined;
  }

  get inspectAddress(): string | undefined {
    return this.#inspectAddress;
  }

  get metricsUrl(): string | undefined {
    return this.#metricsUrl;
  }

  get runtara(): RuntaraAddresses {
    return this.#runtara;
  }

  /** Resolves when the first runner takes work. Rejects when it ends before, and with the reason of the signal. */
  async untilReady(): Promise<void> {
    const { signal } = this.#options;
    const giveUp = () => this.#ready.reject(signal?.reason);
    signal?.addEventListener("abort", giveUp, { once: true });
    if (signal?.aborted) giveUp();
    await this.#ready.promise.finally(() => signal?.removeEventListener("abort", giveUp));
  }

  async close(): Promise<void> {
    const phase = this.#phase;
    if (phase.kind === "pausing") clearTimeout(phase.timer);
    if (!("child" in phase)) {
      this.#phase = { kind: "closed" };
      return;
    }
    const { child } = phase;
    this.#phase = { kind: "closing", child, isSilent: phase.kind === "starting" };
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const timer = setTimeout(() => killGroup(child.pid), KILL_AFTER_MS);
    child.kill("SIGTERM");
    await ended;
    clearTimeout(timer);
  }

  kill(): void {
    killGroup(this.pid);
  }

  #fork(): ChildProcess {
    const child = forkNode(this.#options, this.#runtara);
    child.on("message", (ready: ReadyMessage) => this.#onReady(child, ready));
    child.stderr?.on("data", (chunk: Buffer) => this.#onOutput(chunk));
    child.on("exit", (code, signal) => this.#onExit(code, signal));
    return child;
  }

  #onReady(child: ChildProcess, { inspect, metrics, runtara = {} }: ReadyMessage): void {
    this.#runtara = runtara;
    this.#inspectAddress = inspect;
    this.#metricsUrl = metrics;
    if (this.#phase.kind === "starting") this.#phase = { kind: "running", child };
    this.#ready.resolve();
  }

  #onOutput(chunk: Buffer): void {
    const phase = this.#phase;
    if (phase.kind === "starting") phase.output += chunk.toString();
    else if (phase.kind !== "closing" || !phase.isSilent) process.stderr.write(chunk);
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    const phase = this.#phase;
    this.#phase = { kind: "closed" };
    if (phase.kind === "starting") {
      const detail = phase.output.trim().replace(/^narun: /, "") || `it ended with ${signal ?? code}`;
      this.#ready.reject(new NarunError("NODE_RUNNER_FAILED", { detail }));
    } else if (phase.kind === "running") {
      const waitMs = this.#backoff.fail(Date.now());
      this.#options.log.warn({ code, signal, restartInMs: waitMs }, "node-runner died; it is restarted");
      const timer = setTimeout(() => {
        this.#phase = { kind: "running", child: this.#fork() };
      }, waitMs);
      this.#phase = { kind: "pausing", timer };
    }
  }
}

function forkNode(
  {
    natsUrl,
    login = {},
    hostsKey,
    cacheDir,
    secretsKeyFile,
    nodeArguments = [],
    environment,
    inspect,
    logLevel,
  }: NodeProcessOptions,
  runtara: RuntaraAddresses,
): ChildProcess {
  const { args, env } = handOn(login);
  const folders = [...(inspect?.folders ?? [])].flatMap(([name, folder]) => [
    "--inspect-folder",
    `${name}=${folder}`,
  ]);
  const inspected = inspect === undefined ? [] : ["--inspect", `${inspect.host}:${inspect.port}`, ...folders];
  return fork(
    mainFile,
    [
      "node",
      "--quiet",
      "--nats",
      natsUrl,
      ...args,
      ...nodeArguments,
      // The ports that the first runner got. The later one of two flags counts.
      ...runtaraFlags(runtara),
      ...inspected,
      "--metrics",
      "127.0.0.1:0",
      "--cache-dir",
      cacheDir,
      ...(hostsKey === undefined ? [] : ["--hosts-key", hostsKey]),
      ...(secretsKeyFile === undefined ? [] : ["--secrets-key", secretsKeyFile]),
      "--log-level",
      logLevel,
    ],
    {
      detached: true,
      env: { ...ALLOCATOR, ...environment, ...env },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    },
  );
}

/** Kills the runner with its hosts: they share a process group, which the detached runner leads. */
function killGroup(pid: number | undefined): void {
  if (pid !== undefined) sendSignal(-pid, "SIGKILL");
}

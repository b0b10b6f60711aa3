/**
 * The further processes of a gateway. Each is a whole gateway: it shares the address with the others, and NATS. One that dies is
 * started again. If the parent dies, their IPC channels close, and they drain.
 */
import { type ChildProcess, fork } from "node:child_process";
import type { Logger } from "pino";
import type { MetricValues, ShortPath } from "../../gateway/index.ts";
import { type Address, createBackoff } from "../../machine/index.ts";
import type { NatsLogin } from "../../nats/index.ts";
import { mainFile } from "../built/main-file.ts";
import { handOn } from "../options/nats-access.ts";
import type { Environment } from "../options/resolve.ts";

export interface GatewayWorkersOptions {
  /** How many, beside this process. */
  count: number;
  /** The shared addresses. */
  http: Address;
  grpc: Address;
  natsUrl: string;
  login: NatsLogin;
  shortPath: ShortPath;
  trustedProxies: readonly string[];
  lameDuckMs: number;
  /** More arguments of `narun gateway`. */
  gatewayArguments?: readonly string[];
  environment: Environment;
  log: Logger;
}

/** The messages of a worker. */
type WorkerMessage = { ready: true } | { metrics: MetricValues };

/** How long a worker may take to tell its metrics. */
const METRICS_MS = 2_000;
/** How long a worker may take to drain before it is killed. Longer than its drain. */
const KILL_AFTER_MS = 40_000;

export class GatewayWorkers {
  readonly #options: GatewayWorkersOptions;
  readonly #workers: Worker[] = [];
  #isClosed = false;

  constructor(options: GatewayWorkersOptions) {
    this.#options = options;
  }

  /** Resolves when all take requests. Nothing after `close`. */
  async start(): Promise<void> {
    const { count } = this.#options;
    while (!this.#isClosed && this.#workers.length < count) this.#workers.push(new Worker(this.#options));
    await Promise.all(this.#workers.map((worker) => worker.ready));
  }

  /** The metrics of the workers that answer. */
  async metrics(): Promise<MetricValues[]> {
    const all = await Promise.all(this.#workers.map((worker) => worker.metrics()));
    return all.filter((values) => values !== undefined);
  }

  /** Lets all drain, and end. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }
}

class Worker {
  readonly #options: GatewayWorkersOptions;
  readonly #ready = Promise.withResolvers<void>();
  readonly #backoff = createBackoff({ firstMs: 200, maxMs: 10_000, forgetAfterMs: 60_000 });
  #child: ChildProcess;
  #restart: NodeJS.Timeout | undefined;
  #isClosing = false;

  constructor(options: GatewayWorkersOptions) {
    this.#options = options;
    this.#child = this.#fork();
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  metrics(): Promise<MetricValues | undefined> {
    const child = this.#child;
    if (!child.connected) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const finish = (values: MetricValues | undefined) => {
        clearTimeout(timer);
        child.off("message", onMessage);
        resolve(values);
      };
      const onMessage = (message: WorkerMessage) => "metrics" in message && finish(message.metrics);
      const timer = setTimeout(finish, METRICS_MS, undefined);
      child.on("message", onMessage);
      child.send({ wants: "metrics" }, (error) => error && finish(undefined));
    });
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#ready.resolve();
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const timer = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS);
    if (child.connected) child.disconnect();
    await ended;
    clearTimeout(timer);
  }

  #fork(): ChildProcess {
    const child = forkGateway(this.#options);
    child.on("message", (message: WorkerMessage) => "ready" in message && this.#ready.resolve());
    child.once("exit", (code, signal) => {
      if (this.#isClosing) return;
      const waitMs = this.#backoff.fail(Date.now());
      this.#options.log.warn({ code, signal, restartInMs: waitMs }, "a gateway worker died; it is restarted");
      this.#restart = setTimeout(() => {
        this.#child = this.#fork();
      }, waitMs);
    });
    return child;
  }
}

function forkGateway(options: GatewayWorkersOptions): ChildProcess {
  const {
    http,
    grpc,
    natsUrl,
    login,
    shortPath,
    trustedProxies,
    lameDuckMs,
    gatewayArguments = [],
  } = options;
  const { args, env } = handOn(login);
  const list = [
    ...["gateway", "--quiet", "--of-gateway", "--workers", "1", "--nats", natsUrl, ...args],
    ...["--http", textOf(http), "--grpc", textOf(grpc)],
    ...["--short-path", shortPath, "--lame-duck", `${lameDuckMs}ms`],
    ...(trustedProxies.length === 0 ? [] : ["--trusted-proxies", trustedProxies.join(",")]),
    ...["--log-level", options.log.level, ...gatewayArguments],
  ];
  return fork(mainFile, list, {
    // The terminal's Ctrl-C goes to the parent, which ends the workers in order.
    detached: true,
    env: { ...options.environment, ...env },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
}

function textOf({ host, port }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/**
 * The programs of one group on a node: the adapter of `mode: exec`.
 *
 * I1  Every instance is in the table from its order until it is gone, and reported gone once.
 * I2  After its end no program of the host runs, and none is started: the end waits for the orders that are under way.
 */
import { connectNats, type Nats } from "../../../nats/index.ts";
import type {
  DrainOrder,
  Host,
  HostParts,
  KeptFile,
  StartOrder,
  StartOutcome,
  TrialOrder,
  TrialOutcome,
} from "../../host.ts";
import type { Means } from "./confinement.ts";
import type { Program } from "./program.ts";
import { STOPPING } from "./stopping.ts";

export interface ExecHostOptions {
  parts: HostParts;
  /** The folder of all programs of the node. */
  folder: string;
  searchPath: string;
  /** The machine's means to enforce limits; looked for once. */
  findMeans(): Promise<Means>;
}

/** Upper bound of the time that a trial may take: its asker waits for longer. */
const TRIAL_MS = 12_000;

/** A node-runner gives each program its file. */
function needed(file: KeptFile | undefined): KeptFile {
  if (file === undefined) throw new Error("an order for a program has its file");
  return file;
}

export class ExecHost implements Host {
  readonly #options: ExecHostOptions;
  readonly #programs = new Map<string, Program>();
  readonly #orders = new Set<Promise<unknown>>();
  #connecting: Promise<Nats> | undefined;
  #isClosed = false;

  constructor(options: ExecHostOptions) {
    this.#options = options;
  }

  pidOf(instance: string): number | undefined {
    return this.#programs.get(instance)?.pid;
  }

  takesRequests(instance: string): boolean {
    return this.#programs.get(instance)?.isRegistered === true;
  }

  start(order: StartOrder): Promise<StartOutcome> {
    return this.#track(this.#start(order));
  }

  async #start(order: StartOrder): Promise<StartOutcome> {
    if (this.#isClosed) return STOPPING;
    const { parts, folder, searchPath, findMeans } = this.#options;
    const { events } = parts;
    const { instance, revision, config, secrets, program: file, files, index = 0, isService = false } = order;
    const [nats, means, { Program }] = [await this.#connect(), await findMeans(), await loadProgram()];
    if (this.#isClosed) return STOPPING;
    const program = new Program({
      ...{ parts, nats, means, instance, revision, config, secrets, index, folder, searchPath },
      file: needed(file),
      files,
      kind: isService ? "service" : "function",
      onIdle: () => events.onIdle(instance),
      onGone: (reason, code, facts) => {
        this.#programs.delete(instance);
        events.onGone(instance, reason, code, facts);
      },
    });
    this.#programs.set(instance, program);
    const outcome = await program.start();
    if (outcome.ok) return outcome;
    this.#programs.delete(instance);
    return this.#isClosed ? STOPPING : outcome;
  }

  /** Starts the program once, without requests, and ends it. */
  trial(order: TrialOrder): Promise<TrialOutcome> {
    return this.#track(this.#trial(order));
  }

  async #trial({ config, secrets, program: file, files }: TrialOrder): Promise<TrialOutcome> {
    if (this.#isClosed) return STOPPING;
    const { parts, folder, searchPath, findMeans } = this.#options;
    const startMs = Math.min(config.limits.startMs, TRIAL_MS);
    const [nats, means, { Program }] = [await this.#connect(), await findMeans(), await loadProgram()];
    if (this.#isClosed) return STOPPING;
    const instance = `trial-${crypto.randomUUID().slice(0, 8)}`;
    const program = new Program({
      ...{ parts, nats, means, instance, secrets, folder, searchPath },
      revision: "",
      config: { ...config, limits: { ...config.limits, startMs } },
      file: needed(file),
      files,
      index: 0,
      kind: "trial",
      onIdle: () => undefined,
      onGone: () => undefined,
    });
    this.#programs.set(instance, program);
    const outcome = await program.start();
    if (outcome.ok) await program.abandon();
    this.#programs.delete(instance);
    return outcome.ok ? { ok: true } : outcome;
  }

  drain(instance: string, order: DrainOrder): void {
    void this.#programs.get(instance)?.drain(order);
  }

  async close({ graceMs }: { graceMs: number }): Promise<void> {
    this.#isClosed = true;
    await Promise.all(
      [...this.#programs.values()].map((program) => program.end({ reason: "shutdown", graceMs })),
    );
    await Promise.allSettled(this.#orders);
    await (await this.#connecting?.catch(() => undefined))?.close();
  }

  #track<Outcome>(order: Promise<Outcome>): Promise<Outcome> {
    this.#orders.add(order);
    return order.finally(() => this.#orders.delete(order));
  }

  #connect(): Promise<Nats> {
    const { node, nats, worldId, transport, group } = this.#options.parts;
    this.#connecting ??= connectNats({
      ...nats,
      name: `narun exec ${node}/${group}`,
      worldId,
      transport,
    }).catch((error: unknown) => {
      this.#connecting = undefined;
      throw error;
    });
    return this.#connecting;
  }
}

/** Most nodes run no program: its modules, and those of its door to NATS, are loaded for the first one. */
function loadProgram() {
  return import("./program.ts");
}

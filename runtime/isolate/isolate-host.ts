/**
 * The runner's side of an isolate host: the process that takes orders, and earlier processes that finish their requests.
 *
 *     starting ── ready ──▶ ready                    Orders wait, then go to the process.
 *     starting, ready ── exit, retire ──▶ pausing     The process is away; the next one starts after a pause.
 *     pausing ── pause over ──▶ starting              An order ends a pause that only gives way to other hosts.
 *     any ── close ──▶ closed                        Orders are refused.
 *
 * I1  Every order is answered (host-process.ts). An order that met a process on its way out, or waited for a process that died
 *     before it was ready, goes to the next process.
 * I2  When a process dies, each of its instances is reported gone (`crashed`) once, at once.
 * I3  The pauses between processes that die again and again grow.
 * I4  A process retires where V8 lost control of an isolate in it, where it is old, and where it holds too much memory. It takes
 *     nothing new, its successor starts, and it finishes its requests.
 * I5  The end of a process is told before its successor starts: the start of a program holds the runner up.
 */

import type { Logger } from "pino";
import { MIB } from "../../contracts/index.ts";
import type {
  DrainOrder,
  Host,
  HostParts,
  StartOrder,
  StartOutcome,
  TrialOrder,
  TrialOutcome,
} from "../host.ts";
import { type HostDebug, type HostEnd, HostProcess, type Usage } from "./host-process.ts";
import type { HostProgram } from "./image/host-program.ts";
import type { RunFolder } from "./run-folder.ts";
import type { HostSandbox } from "./spawn-host.ts";

export interface IsolateHostOptions extends HostParts {
  snapshot: Uint8Array;
  program: HostProgram;
  sandbox: HostSandbox;
  /** The folder of the hosts' sockets. Default: hosts have none, and gateways reach them over NATS. */
  runFolder?: RunFolder | undefined;
  /** Isolates that are kept ready. Default 3: a burst over more functions pays 5 ms for each further one. */
  prepared?: number;
  /** Upper bound of a process' memory besides the memory of its instances. A process above it retires. */
  maxMemoryMb: number;
  /** How old a process is before it retires for its memory: above the bound right after its start, its successor would be too. Default a minute. */
  minAgeMs?: number;
  /**
   * How long the successor of a process whose functions moved to other hosts gives way to these: their callers wait, and both
   * starts at once take twice as long. Default 2 s.
   */
  giveWayMs?: number;
  /** Undefined: debuggers may not attach. */
  debug?: HostDebug | undefined;
}

export interface IsolateHost extends Host {
  /** Process id of the process that takes orders; undefined in a pause. */
  readonly pid: number | undefined;
}

type State =
  | { phase: "starting" | "ready"; process: HostProcess }
  /** `hurry`: starts the next process as soon as its predecessors' deaths allow. */
  | { phase: "pausing"; timer: NodeJS.Timeout; hurry: () => void }
  | { phase: "closed" };

const DEFAULT_PREPARED = 3;
/** How long a process that retires may finish its requests. */
const RETIRE_GRACE_MS = 30_000;
/** How old a process may become. */
const MAX_AGE_MS = 24 * 3_600_000;
/** Default of `minAgeMs`. */
const MIN_AGE_MS = 60_000;
/** The memory of an idle instance, about. */
const INSTANCE_MB = 4;

/** Default of `giveWayMs`. */
const GIVE_WAY_MS = 2_000;

const STOPPING = { ok: false, code: "NODE_STOPPING", message: "the host is stopping" } as const;

export function startIsolateHost(options: IsolateHostOptions): IsolateHost {
  return new ProcessSupervisor(options);
}

class ProcessSupervisor implements IsolateHost {
  readonly #options: IsolateHostOptions;
  readonly #log: Logger;
  /** Processes that finish their requests and end. */
  readonly #leaving = new Set<HostProcess>();
  /** Resolves with the process that takes orders; with undefined when none will. */
  #ready = Promise.withResolvers<HostProcess | undefined>();
  #state: State;
  /** Orders that wait for a process. */
  #waiting = 0;

  constructor(options: IsolateHostOptions) {
    this.#options = options;
    this.#log = options.log.child({ group: options.group });
    this.#state = { phase: "starting", process: this.#startProcess() };
  }

  get pid(): number | undefined {
    return this.#current?.pid;
  }

  pidOf(instance: string): number | undefined {
    return this.#processOf(instance)?.pid;
  }

  start(order: StartOrder): Promise<StartOutcome> {
    return this.#order((process) => process.start(order));
  }

  trial(order: TrialOrder): Promise<TrialOutcome> {
    return this.#order((process) => process.trial(order));
  }

  drain(instance: string, order: DrainOrder): void {
    this.#processOf(instance)?.drain(instance, order);
  }

  async close({ graceMs }: { graceMs: number }): Promise<void> {
    const process = this.#current;
    if (process !== undefined) this.#leaving.add(process);
    this.#enter({ phase: "closed" });
    await Promise.all([...this.#leaving].map((leaving) => leaving.stop(graceMs)));
  }

  get #current(): HostProcess | undefined {
    return "process" in this.#state ? this.#state.process : undefined;
  }

  #processOf(instance: string): HostProcess | undefined {
    const current = this.#current;
    return current?.has(instance) === true
      ? current
      : [...this.#leaving].find((process) => process.has(instance));
  }

  /** The one place where the state changes. Orders that wait are kept until a process is ready, or none will be. */
  #enter(next: State): void {
    const { phase } = this.#state;
    if (this.#state.phase === "pausing") clearTimeout(this.#state.timer);
    if (phase === "ready") this.#ready = Promise.withResolvers();
    this.#state = next;
    if (next.phase === "ready") this.#ready.resolve(next.process);
    if (next.phase === "closed") this.#ready.resolve(undefined);
  }

  /** `atLeastMs`: the pause that an order does not cut short. */
  #startAfter(pauseMs: number, atLeastMs = pauseMs): void {
    const start = () => this.#enter({ phase: "starting", process: this.#startProcess() });
    const endsAtMs = performance.now() + atLeastMs;
    const hurry = () => {
      if (atLeastMs < pauseMs) this.#startAfter(Math.max(0, endsAtMs - performance.now()));
    };
    // A timer also where there is no pause (I5): messages under way leave first.
    this.#enter({ phase: "pausing", timer: setTimeout(start, pauseMs), hurry });
  }

  #startProcess(): HostProcess {
    const { node, worldId, transport, snapshot, egressDeny, prepared = DEFAULT_PREPARED } = this.#options;
    const { nats, program, sandbox, runFolder, events, sourceMapOf, keys, callees, spans, requests, debug } =
      this.#options;
    const process: HostProcess = new HostProcess({
      init: { node, worldId, transport, snapshot, prepared, egressDeny, isInspected: debug !== undefined },
      nats,
      program,
      sandbox,
      socket: runFolder?.open(),
      events,
      sourceMapOf,
      keys,
      callees,
      spans,
      requests,
      debug,
      log: this.#log,
      onReady: () => {
        if (this.#current === process) this.#enter({ phase: "ready", process });
      },
      onRetiring: (guilty, reason) => this.#onRetiring(process, guilty, reason),
      onUsage: (usage) => this.#onUsage(process, usage),
      onExit: (end) => this.#onExit(process, end),
    });
    return process;
  }

  #onRetiring(process: HostProcess, guilty: string | undefined, reason: string): void {
    const { backoff, events } = this.#options;
    this.#log.error({ pid: process.pid, guilty, reason }, "V8 lost control of an isolate; the host ends");
    // Before the function is in quarantine: there its pauses are its own.
    const pauseMs = backoff.fail(Date.now());
    if (guilty !== undefined) events.onGuilty(guilty, reason);
    this.#retire(process, pauseMs);
  }

  #onUsage(process: HostProcess, { rssBytes, instances, largestMb }: Usage): void {
    const { pid, ageMs } = process;
    const { maxMemoryMb, minAgeMs = MIN_AGE_MS } = this.#options;
    if (this.#current !== process || ageMs < minAgeMs) return;
    const rssMb = Math.round(rssBytes / MIB);
    const boundMb = maxMemoryMb + largestMb + instances * INSTANCE_MB;
    if (rssMb <= boundMb && ageMs < MAX_AGE_MS) return;
    this.#log.info({ pid, rssMb, boundMb, ageMs: Math.round(ageMs) }, "host is replaced");
    this.#retire(process, 0);
  }

  #retire(process: HostProcess, pauseMs: number): void {
    const wasCurrent = this.#current === process;
    this.#leaving.add(process);
    if (wasCurrent) this.#startAfter(pauseMs);
    void process.stop(RETIRE_GRACE_MS);
    for (const instance of process.instances) this.#options.events.onLeaving(instance);
  }

  #onExit(process: HostProcess, { exitCode, signal, lost, aboard }: HostEnd): void {
    const { events, backoff } = this.#options;
    const isExpected = this.#leaving.delete(process);
    const isDeserted = !isExpected && events.onDied(aboard);
    for (const instance of lost) {
      if (isExpected) events.onGone(instance, "shutdown");
      else events.onGone(instance, "crashed", "HOST_CRASHED");
    }
    if (this.#current !== process) return;
    const pauseMs = backoff.fail(Date.now());
    this.#log.error({ exitCode, signal, instances: lost.length, restartInMs: pauseMs }, "host died");
    const { giveWayMs = GIVE_WAY_MS } = this.#options;
    this.#startAfter(isDeserted && this.#waiting === 0 ? Math.max(pauseMs, giveWayMs) : pauseMs, pauseMs);
  }

  /** Gives an order to the process that takes orders (I1). */
  async #order<T extends { ok: true } | { ok: false; code: string }>(
    give: (process: HostProcess) => Promise<T>,
  ): Promise<T | typeof STOPPING> {
    for (;;) {
      if (this.#state.phase === "pausing") this.#state.hurry();
      this.#waiting += 1;
      const process = await this.#ready.promise;
      this.#waiting -= 1;
      if (process === undefined || this.#state.phase === "closed") return STOPPING;
      const outcome = await give(process);
      const wasTooLate = !outcome.ok && outcome.code === "NODE_STOPPING" && process !== this.#current;
      if (!wasTooLate || this.#isClosed()) return outcome;
    }
  }

  #isClosed(): boolean {
    return this.#state.phase === "closed";
  }
}

/**
 * The runner's side of the mode `node`: each instance has a process of its own.
 *
 * I1  A process gets one order, an instance or a trial, and ends after it. Only its own instance is lost with it.
 * I2  One process is kept ready for a while after each order, so that the next start does not wait for a process.
 * I3  A process that dies without an order is followed by another after a growing pause.
 */
import type { Logger } from "pino";
import type {
  DrainOrder,
  Host,
  HostParts,
  StartOrder,
  StartOutcome,
  TrialOrder,
  TrialOutcome,
} from "../../host.ts";
import { HostProcess } from "../../isolate/host-process.ts";
import type { HostProgram } from "../../isolate/image/host-program.ts";
import type { RunFolder } from "../../isolate/run-folder.ts";
import type { HostSandbox } from "../../isolate/spawn-host.ts";

/** The parts that all processes of a node share. */
export interface NodeProcessParts {
  program: HostProgram;
  sandbox: HostSandbox;
  /** The folder of the sockets. Undefined: gateways reach instances over NATS. */
  runFolder: RunFolder | undefined;
}

export interface NodeHostOptions extends HostParts {
  /** Makes the parts at the first order. */
  load(): Promise<NodeProcessParts>;
}

/** How long a process is kept ready after the last order: it takes some 50 MB. */
const SPARE_MS = 120_000;

const STOPPING = { ok: false, code: "NODE_STOPPING", message: "the host is stopping" } as const;

/** A process without an order. */
interface Spare {
  readonly process: HostProcess;
  readonly ready: Promise<boolean>;
}

export function startNodeHost(options: NodeHostOptions): Host {
  return new NodeHost(options);
}

class NodeHost implements Host {
  readonly #options: NodeHostOptions;
  readonly #log: Logger;
  readonly #processes = new Set<HostProcess>();
  #spare: Spare | undefined;
  /** The pause before the next spare process, or the time after which the spare process ends. */
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: NodeHostOptions) {
    this.#options = options;
    this.#log = options.log.child({ group: options.group, mode: "node" });
  }

  pidOf(instance: string): number | undefined {
    return this.#find(instance)?.pid;
  }

  async start(order: StartOrder): Promise<StartOutcome> {
    const process = await this.#take();
    if (process === undefined) return STOPPING;
    const outcome = await process.start(order);
    if (!outcome.ok) void process.stop(0);
    return outcome;
  }

  async trial(order: TrialOrder): Promise<TrialOutcome> {
    const process = await this.#take();
    if (process === undefined) return STOPPING;
    const outcome = await process.trial(order);
    void process.stop(0);
    return outcome;
  }

  drain(instance: string, order: DrainOrder): void {
    this.#find(instance)?.drain(instance, order);
  }

  async close({ graceMs }: { graceMs: number }): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#spare = undefined;
    await Promise.all([...this.#processes].map((process) => process.stop(graceMs)));
  }

  #find(instance: string): HostProcess | undefined {
    return [...this.#processes].find((process) => process.has(instance));
  }

  /** A process that is ready; undefined where the host is closed, or processes do not start. */
  async #take(): Promise<HostProcess | undefined> {
    const parts = await this.#options.load();
    for (let attempt = 0; attempt < 2 && !this.#isClosed; attempt += 1) {
      const { process, ready } = this.#spare ?? this.#startProcess(parts);
      this.#spare = undefined;
      if (!(await ready)) continue;
      this.#keepSpare(parts);
      return process;
    }
    return undefined;
  }

  /** Keeps a process ready for a while (I2). */
  #keepSpare(parts: NodeProcessParts): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#spare ??= this.#startProcess(parts);
    this.#timer = setTimeout(() => {
      void this.#spare?.process.stop(0);
      this.#spare = undefined;
    }, SPARE_MS).unref();
  }

  #startProcess(parts: NodeProcessParts): Spare {
    const { node, worldId, transport, egressDeny, nats, sourceMapOf, keys, callees, spans, requests } =
      this.#options;
    const { program, sandbox, runFolder } = parts;
    const ready = Promise.withResolvers<boolean>();
    const process: HostProcess = new HostProcess({
      init: {
        ...{ node, worldId, transport, egressDeny },
        ...{ snapshot: new Uint8Array(), prepared: 0, isInspected: false },
      },
      ...{ nats, program, sandbox, sourceMapOf, keys, callees, spans, requests },
      socket: runFolder?.open(),
      events: {
        ...this.#options.events,
        onGone: (instance, reason, code) => {
          this.#options.events.onGone(instance, reason, code);
          // Its instance is gone, and it gets no other (I1).
          void process.stop(0);
        },
      },
      debug: undefined,
      onReady: () => ready.resolve(true),
      onRetiring: () => undefined,
      onUsage: () => undefined,
      onExit: ({ exitCode, signal, lost }) => {
        ready.resolve(false);
        this.#onExit(process, parts, lost, { exitCode, signal });
      },
      log: this.#log,
    });
    this.#processes.add(process);
    return { process, ready: ready.promise };
  }

  #onExit(process: HostProcess, parts: NodeProcessParts, lost: readonly string[], end: object): void {
    this.#processes.delete(process);
    const { events, backoff } = this.#options;
    for (const instance of lost) {
      this.#log.error({ instance, ...end }, "the process of an instance died");
      events.onGone(
        instance,
        this.#isClosed ? "shutdown" : "crashed",
        this.#isClosed ? undefined : "HOST_CRASHED",
      );
    }
    if (this.#spare?.process !== process) return;
    this.#spare = undefined;
    if (this.#isClosed) return;
    const pauseMs = backoff.fail(Date.now());
    this.#log.error({ ...end, restartInMs: pauseMs }, "a process that was kept ready died");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#keepSpare(parts), pauseMs).unref();
  }
}

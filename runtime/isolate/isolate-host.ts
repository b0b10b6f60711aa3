/**
 * The runner's side of an isolate host: the process that takes new work, and those before it that finish theirs.
 *
 * I1  Every order is answered (host-process.ts); one that met a process on its way out, or waited for one that died before
 *     it was ready, goes to the next.
 * I2  When a process dies, every instance that it ran is reported gone (`crashed`) once, at once.
 * I3  Processes that die again and again are followed by others after growing pauses; orders wait meanwhile.
 * I4  A process that is retired (V8 lost control of an isolate in it, it is old, it holds too much memory) takes nothing
 *     new, and its successor starts at once: nothing that it had taken is lost.
 */
import type { Logger } from "pino";
import { type Backoff, createBackoff } from "../../machine/index.ts";
import type { LoginTexts, NatsTransport } from "../../nats/index.ts";
import type { Host, HostEvents } from "../host.ts";
import { type HostEnd, type HostProcess, startHostProcess, type Usage } from "./host-process.ts";
import type { HostProgram } from "./image/host-program.ts";
import type { HostSandbox } from "./spawn-host.ts";

export interface IsolateHostOptions {
  node: string;
  /** For the log: the trust group, and the function where it is in a host of its own. */
  group: string;
  nats: { url: string; login?: () => LoginTexts };
  worldId: string;
  transport: NatsTransport;
  snapshot: Uint8Array;
  program: HostProgram;
  /** Isolates that are kept ready. Default 3: a burst over more functions than that pays 5 ms each. */
  prepared?: number;
  /** What no function may reach: rules of egress. */
  egressDeny: readonly string[];
  /** Whether debuggers may attach to the isolates. */
  isInspected: boolean;
  sandbox: HostSandbox;
  /** The memory of a process that is retired, besides what its instances may have. */
  maxMemoryMb: number;
  /** Younger ones are not: one that is over the bound right after its start would only be followed by another. Default a minute. */
  minAgeMs?: number;
  /** Survives the host: a function in a host of its own keeps its pauses while none runs. */
  backoff?: Backoff;
  events: HostEvents;
  log: Logger;
}

const DEFAULT_PREPARED = 3;
/** How long a process that is retired may finish what it took. */
const RETIRE_GRACE_MS = 30_000;
const MAX_AGE_MS = 24 * 3_600_000;
const MIN_AGE_MS = 60_000;
/** What an idle instance holds, about. */
const INSTANCE_MB = 4;
const MIB = 1024 * 1024;

/** The pauses between processes that die. */
export const hostBackoff = () => createBackoff({ firstMs: 100, maxMs: 10_000, forgetAfterMs: 60_000 });

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export function startIsolateHost(options: IsolateHostOptions): Host {
  const { node, nats, snapshot, program, egressDeny, isInspected, events, sandbox, maxMemoryMb } = options;
  const { prepared = DEFAULT_PREPARED, backoff = hostBackoff(), minAgeMs = MIN_AGE_MS } = options;
  const log = options.log.child({ group: options.group });
  const { worldId, transport } = options;
  const init = { node, worldId, transport, snapshot, prepared, egressDeny, isInspected };
  const retired = new Set<HostProcess>();
  let current: HostProcess | undefined;
  /** Resolves with the process that takes orders; with undefined where none will. */
  let ready = Promise.withResolvers<HostProcess | undefined>();
  let isOffered = false;
  let restart: NodeJS.Timeout | undefined;
  let isClosing = false;

  const start = () => {
    const process: HostProcess = startHostProcess({
      init,
      nats,
      program,
      sandbox,
      events,
      log,
      onReady() {
        if (current !== process) return;
        isOffered = true;
        ready.resolve(process);
      },
      onRetiring(guilty, reason) {
        log.error({ pid: process.pid, guilty, reason }, "V8 lost control of an isolate; the host ends");
        // Its pauses are the guilty one's own, once it is alone.
        const waitMs = backoff.fail(Date.now());
        if (guilty !== undefined) events.onGuilty(guilty, reason);
        retire(process, waitMs);
      },
      onUsage: (usage) => recycle(process, usage),
      onExit: (end) => onExit(process, end),
    });
    current = process;
  };

  const startLater = (waitMs: number) => {
    if (isClosing) return;
    if (waitMs === 0) return start();
    restart = setTimeout(start, waitMs);
  };

  /** No process takes orders until the next one is ready. Orders that wait already go on waiting for that one. */
  const withdraw = () => {
    current = undefined;
    if (isOffered) ready = Promise.withResolvers();
    isOffered = false;
  };

  /** Another process takes what is new. */
  const retire = (process: HostProcess, waitMs = 0) => {
    if (current === process) {
      withdraw();
      startLater(waitMs);
    }
    retired.add(process);
    void process.stop(RETIRE_GRACE_MS);
  };

  const recycle = (process: HostProcess, { rssBytes, instances, largestMb }: Usage) => {
    if (isClosing || current !== process || process.ageMs < minAgeMs) return;
    const rssMb = Math.round(rssBytes / MIB);
    const boundMb = maxMemoryMb + largestMb + instances * INSTANCE_MB;
    if (rssMb <= boundMb && process.ageMs < MAX_AGE_MS) return;
    log.info({ pid: process.pid, rssMb, boundMb, ageMs: Math.round(process.ageMs) }, "host is replaced");
    retire(process);
  };

  const onExit = (process: HostProcess, { exitCode, signal, lost, aboard }: HostEnd) => {
    const isExpected = isClosing || retired.delete(process);
    if (!isExpected) events.onDied(aboard);
    for (const instance of lost) {
      if (isExpected) events.onGone(instance, "shutdown");
      else events.onGone(instance, "crashed", "HOST_CRASHED");
    }
    if (current !== process) return;
    if (isClosing) {
      current = undefined;
      return;
    }
    withdraw();
    const waitMs = backoff.fail(Date.now());
    log.error({ exitCode, signal, instances: lost.length, restartInMs: waitMs }, "host died");
    startLater(waitMs);
  };

  const stopping = { ok: false, code: "NODE_STOPPING", message: "the host is stopping" } as const;
  /** Gives an order to the process that takes them. */
  const order = async <T extends { ok: true } | { ok: false; code: string }>(
    give: (process: HostProcess) => Promise<T>,
  ): Promise<T | typeof stopping> => {
    for (;;) {
      const process = await ready.promise;
      if (process === undefined || isClosing) return stopping;
      const outcome = await give(process);
      const cameTooLate = !outcome.ok && outcome.code === "NODE_STOPPING" && process !== current;
      if (!cameTooLate || isClosing) return outcome;
    }
  };
  const processOf = (instance: string) =>
    current?.has(instance) === true ? current : [...retired].find((process) => process.has(instance));

  start();
  return {
    get pid() {
      return current?.pid;
    },
    pidOf: (instance) => processOf(instance)?.pid,
    start: (startOrder) => order((process) => process.start(startOrder)),
    trial: (trialOrder) => order((process) => process.trial(trialOrder)),
    inspect: (instance, message) => processOf(instance)?.send({ type: "inspect", instance, message }),
    drain: (instance, order) => processOf(instance)?.send({ type: "drain", instance, ...order }),
    async close({ graceMs }) {
      isClosing = true;
      clearTimeout(restart);
      // Orders that wait for a process that does not come are answered.
      if (current?.isReady !== true) ready.resolve(undefined);
      const ending = [...retired, ...(current === undefined ? [] : [current])];
      await Promise.all(ending.map((process) => process.stop(graceMs)));
    },
  };
}

/**
 * The runner's side of an isolate host: spawns the process, speaks IPC with it, starts another when it dies.
 *
 * I1  Every order that was given is answered: by the process, or as failed when the process ends.
 * I2  When the process dies, every instance that it ran is reported gone (`crashed`) once, at once.
 * I3  A process that dies again and again is started with growing pauses; orders wait for it meanwhile.
 */
import { type ChildProcess, fork } from "node:child_process";
import type { Logger } from "pino";
import { type ErrorCode, messageOf } from "../../../contracts/index.ts";
import { createBackoff } from "../backoff.ts";
import type { Host, HostEvents, StartOutcome, TrialOutcome } from "../host.ts";
import type { HostProgram } from "./host-program.ts";
import type { FromHost, ToHost } from "./ipc.ts";

export interface IsolateHostOptions {
  node: string;
  trust: string;
  nats: { url: string; creds?: string };
  snapshot: Uint8Array;
  program: HostProgram;
  /** Isolates that are kept ready. Default 3: a burst over more functions than that pays 5 ms each. */
  prepared?: number;
  /** What no function may reach: rules of egress. */
  egressDeny: readonly string[];
  /** Whether debuggers may attach to the isolates. */
  isInspected: boolean;
  events: HostEvents;
  log: Logger;
}

const DEFAULT_PREPARED = 3;

/** A process that does not end after its grace is killed so much later. */
const KILL_AFTER_MS = 2_000;

export function startIsolateHost(options: IsolateHostOptions): Host {
  const { node, trust, nats, snapshot, program, egressDeny, isInspected, events } = options;
  const { prepared = DEFAULT_PREPARED } = options;
  const log = options.log.child({ trust });
  const backoff = createBackoff({ firstMs: 100, maxMs: 10_000, forgetAfterMs: 60_000 });
  const starts = new Map<string, (outcome: StartOutcome) => void>();
  const trials = new Map<number, (outcome: TrialOutcome) => void>();
  const instances = new Set<string>();
  let child: ChildProcess | undefined;
  let ready = Promise.withResolvers<void>();
  let nextTrial = 1;
  let isClosing = false;
  let restart: NodeJS.Timeout | undefined;

  const send = (message: ToHost) => {
    if (child?.connected) child.send(message);
  };

  const spawnHost = () => {
    const spawned = forkHost(program);
    child = spawned;
    spawned.on("message", (message: FromHost) => {
      // A late word of a process that has ended is not its successor's.
      if (child === spawned) receive(message);
    });
    spawned.stderr?.on("data", (chunk: Buffer) =>
      log.warn({ pid: spawned.pid, text: chunk.toString().trim() }, "host wrote"),
    );
    spawned.on("error", (error) => {
      log.error({ error: messageOf(error) }, "host process failed");
      // One that could not even be started ends without an exit.
      if (spawned.pid === undefined) onExit(null, null);
    });
    spawned.on("exit", (code, signal) => onExit(code, signal));
  };

  const receive = (message: FromHost) => {
    switch (message.type) {
      case "up":
        return send({ type: "init", node, nats, snapshot, prepared, egressDeny, isInspected });
      case "ready":
        log.debug({ pid: child?.pid }, "host ready");
        return ready.resolve();
      case "failed":
        return log.error({ pid: child?.pid, error: message.message }, "host failed");
      case "handler-failed":
        return log.error(
          { pid: child?.pid, subject: message.subject, error: message.message },
          "a message was not handled",
        );
      case "started":
        if (message.outcome.ok) instances.add(message.instance);
        starts.get(message.instance)?.(message.outcome);
        starts.delete(message.instance);
        return;
      case "tried":
        trials.get(message.id)?.(message.outcome);
        trials.delete(message.id);
        return;
      case "idle":
        return events.onIdle(message.instance);
      case "gone":
        instances.delete(message.instance);
        return events.onGone(message.instance, message.reason, message.code);
      case "inspected":
        return events.onInspected(message.instance, message.message);
      case "need-source-map":
        return void events
          .sourceMapOf(message.revision)
          .then((sourceMap) => send({ type: "source-map", revision: message.revision, sourceMap }));
    }
  };

  const onExit = (exitCode: number | null, signal: string | null) => {
    child = undefined;
    const lost = [...instances];
    instances.clear();
    const code: ErrorCode = "HOST_CRASHED";
    const outcome = { ok: false, code, message: "the host process ended" } as const;
    for (const answer of starts.values()) answer(outcome);
    for (const answer of trials.values()) answer(outcome);
    starts.clear();
    trials.clear();
    if (isClosing) {
      for (const instance of lost) events.onGone(instance, "shutdown");
      return;
    }
    for (const instance of lost) events.onGone(instance, "crashed", code);
    ready = Promise.withResolvers();
    const waitMs = backoff.fail(Date.now());
    log.error({ exitCode, signal, instances: lost.length, restartInMs: waitMs }, "host died");
    restart = setTimeout(spawnHost, waitMs);
  };

  spawnHost();
  const stopping = { ok: false, code: "NODE_STOPPING", message: "the host is stopping" } as const;

  return {
    get pid() {
      return child?.pid;
    },
    async start(order) {
      await ready.promise;
      if (isClosing) return stopping;
      return new Promise((resolve) => {
        starts.set(order.instance, resolve);
        send({ type: "start", ...order });
      });
    },
    async trial(order) {
      await ready.promise;
      if (isClosing) return stopping;
      const id = nextTrial++;
      return new Promise((resolve) => {
        trials.set(id, resolve);
        send({ type: "trial", id, ...order });
      });
    },
    inspect: (instance, message) => send({ type: "inspect", instance, message }),
    drain: (instance, reason, graceMs) => send({ type: "drain", instance, reason, graceMs }),
    async close({ graceMs }) {
      isClosing = true;
      clearTimeout(restart);
      // Orders that wait for a process that does not come are answered.
      if (child === undefined) ready.resolve();
      const ending = child;
      if (ending === undefined || ending.exitCode !== null) return;
      const ended = new Promise((resolve) => ending.once("exit", resolve));
      const kill = setTimeout(() => ending.kill("SIGKILL"), graceMs + KILL_AFTER_MS);
      send({ type: "stop", graceMs });
      await ended;
      clearTimeout(kill);
    },
  };
}

/** The host's process: no environment, no arguments, Node's permission model with reading of its own program only. */
function forkHost(program: HostProgram): ChildProcess {
  program.restore();
  return fork(program.file, [], {
    execArgv: [
      "--no-node-snapshot",
      // With it V8 drops the interrupt checks of some loops, and then no limit ends them: memory grew to gigabytes.
      "--no-turboshaft-loop-unrolling",
      "--permission",
      "--allow-addons",
      "--allow-net",
      // What a function fetches may be signed by the organisation that runs the machine.
      "--use-system-ca",
      ...program.readable.map((path) => `--allow-fs-read=${path}`),
      "--disable-warning=SecurityWarning",
      "--disable-warning=ExperimentalWarning",
    ],
    env: {},
    serialization: "advanced",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
}

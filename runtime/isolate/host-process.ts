/**
 * One isolate host process, seen from the runner.
 *
 * I1  Every order that was given is answered: by the process, or as failed when the process ends.
 * I2  When it ends its instances that are left are told once, at once. After that nothing is heard of it.
 */
import type { Logger } from "pino";
import { type ErrorCode, messageOf } from "../../contracts/index.ts";
import type { LoginTexts } from "../../nats/index.ts";
import type { HostEvents, StartOrder, StartOutcome, TrialOrder, TrialOutcome } from "../host.ts";
import type { HostProgram } from "./image/host-program.ts";
import type { FromHost, ToHost } from "./ipc.ts";
import { type HostSandbox, spawnHost } from "./spawn-host.ts";

type Init = Omit<Extract<ToHost, { type: "init" }>, "type" | "nats">;

export interface HostProcessOptions {
  init: Init;
  nats: { url: string; login?: () => LoginTexts };
  program: HostProgram;
  sandbox: HostSandbox;
  events: HostEvents;
  onReady(): void;
  /** V8 has lost control of an isolate: the process drains what runs and ends. */
  onRetiring(guilty: string | undefined, reason: string): void;
  onUsage(usage: Usage): void;
  onExit(end: HostEnd): void;
  log: Logger;
}

export interface HostEnd {
  exitCode: number | null;
  signal: string | null;
  /** The instances that it still had. */
  lost: string[];
  /** The functions of those, and the ones that it was starting or trying. */
  aboard: string[];
}

export type Usage = Omit<Extract<FromHost, { type: "usage" }>, "type">;

export interface HostProcess {
  readonly pid: number | undefined;
  /** Milliseconds since it was started. */
  readonly ageMs: number;
  readonly isReady: boolean;
  has(instance: string): boolean;
  start(order: StartOrder): Promise<StartOutcome>;
  trial(order: TrialOrder): Promise<TrialOutcome>;
  send(message: ToHost): void;
  /** Drains what runs and ends; resolves when it has. */
  stop(graceMs: number): Promise<void>;
}

const ENDED = {
  ok: false,
  code: "HOST_CRASHED" satisfies ErrorCode,
  message: "the host process ended",
} as const;

/** An order that was given, for one function. */
interface Pending<Outcome> {
  name: string;
  answer(outcome: Outcome): void;
}

/** A process that does not end after its grace is killed so much later. */
const KILL_AFTER_MS = 2_000;

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export function startHostProcess(options: HostProcessOptions): HostProcess {
  const { init, nats, events, log } = options;
  const login = nats.login ?? (() => ({}));
  const starts = new Map<string, Pending<StartOutcome>>();
  const trials = new Map<number, Pending<TrialOutcome>>();
  /** The functions of its instances. */
  const instances = new Map<string, string>();
  const startedAt = performance.now();
  const ended = Promise.withResolvers<void>();
  let nextTrial = 1;
  let isReady = false;
  let isStopping = false;
  let hasEnded = false;

  const spawned = spawnHost(options, {
    onMessage(message) {
      if (!hasEnded) receive(message);
    },
    onText: (text) => log.warn({ pid: spawned.pid, text: text.trim() }, "host wrote"),
    // What is written to one that was told to stop may meet its end.
    onError: (error) =>
      log[isStopping ? "debug" : "error"]({ error: messageOf(error) }, "host process failed"),
    onEnd(exitCode, signal) {
      hasEnded = true;
      const pending = [...starts.values(), ...trials.values()];
      const aboard = [...new Set([...instances.values(), ...pending.map(({ name }) => name)])];
      const lost = [...instances.keys()];
      instances.clear();
      ended.resolve();
      // Who is told of a failed start may start the next at once, in the host that its function belongs in now.
      options.onExit({ exitCode, signal, lost, aboard });
      for (const { answer } of pending) answer(ENDED);
    },
  });
  const send = (message: ToHost) => spawned.send(message);

  const started = (instance: string, outcome: StartOutcome) => {
    const start = starts.get(instance);
    if (start === undefined) return;
    starts.delete(instance);
    if (outcome.ok) instances.set(instance, start.name);
    start.answer(outcome);
  };

  const receive = (message: FromHost) => {
    const { pid } = spawned;
    switch (message.type) {
      case "up":
        // One that stops would end in the middle of what it is given.
        if (!isStopping) send({ type: "init", ...init, nats: { url: nats.url, login: login() } });
        return;
      case "need-login":
        return send({ type: "login", login: login() });
      case "ready":
        log.debug({ pid }, "host ready");
        isReady = true;
        return options.onReady();
      case "failed":
        return log.error({ pid, error: message.message }, "host failed");
      case "handler-failed":
        return log.error(
          { pid, subject: message.subject, error: message.message },
          "a message was not handled",
        );
      case "refused":
        return log.error({ pid, code: message.code, error: message.message }, "NATS refuses something");
      case "started":
        return started(message.instance, message.outcome);
      case "tried":
        trials.get(message.id)?.answer(message.outcome);
        trials.delete(message.id);
        return;
      case "idle":
        return events.onIdle(message.instance);
      case "full":
        return events.onFull(message.instance);
      case "condemned":
        return events.onCondemned(message.instance);
      case "gone":
        instances.delete(message.instance);
        return events.onGone(message.instance, message.reason, message.code);
      case "inspected":
        return events.onInspected(message.instance, message.message);
      case "need-source-map":
        return void events
          .sourceMapOf(message.revision)
          .then((sourceMap) => send({ type: "source-map", revision: message.revision, sourceMap }));
      case "usage":
        return options.onUsage(message);
      case "retiring":
        return options.onRetiring(message.guilty, message.reason);
      case "ended":
        return;
    }
  };

  return {
    get pid() {
      return hasEnded ? undefined : spawned.pid;
    },
    get ageMs() {
      return performance.now() - startedAt;
    },
    get isReady() {
      return isReady && !hasEnded;
    },
    has: (instance) => instances.has(instance) || starts.has(instance),
    start: (order) =>
      new Promise((resolve) => {
        if (hasEnded) return resolve(ENDED);
        starts.set(order.instance, { name: order.config.name, answer: resolve });
        send({ type: "start", ...order });
      }),
    trial: (order) =>
      new Promise((resolve) => {
        if (hasEnded) return resolve(ENDED);
        const id = nextTrial++;
        trials.set(id, { name: order.config.name, answer: resolve });
        send({ type: "trial", id, ...order });
      }),
    send,
    async stop(graceMs) {
      if (hasEnded) return;
      isStopping = true;
      const kill = setTimeout(() => spawned.kill(), graceMs + KILL_AFTER_MS);
      send({ type: "stop", graceMs });
      await ended.promise;
      clearTimeout(kill);
    },
  };
}

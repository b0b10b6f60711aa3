/**
 * One isolate host process, seen from the runner.
 *
 *     starting ── ready ──▶ ready          The process connects and prepares isolates, then takes orders.
 *     starting, ready ── stop ──▶ stopping  It drains its instances and ends.
 *     any ── exit ──▶ ended
 *
 * I1  Every order is answered: by the process, or as failed when the process ends.
 * I2  At its end the process' instances are reported once, at once. No event of the process follows.
 * I3  Its compiled code is kept for other processes only while it starts: it has had no order then, so no function has run in it.
 */
import type { Logger } from "pino";
import { type ErrorCode, type FunctionConfig, messageOf } from "../../contracts/index.ts";
import type { LoginTexts } from "../../nats/index.ts";
import type { SpanSink } from "../../traces/index.ts";
import type { Callees } from "../calls/callee.ts";
import type {
  DrainOrder,
  HostLogin,
  InstanceEvents,
  LabelKeys,
  RequestSink,
  StartOrder,
  StartOutcome,
  TrialOrder,
  TrialOutcome,
} from "../host.ts";
import { DeclaredLabels } from "./declared-labels.ts";
import { HostAccess } from "./host-access.ts";
import { HostCallees } from "./host-callees.ts";
import { warmUpTrial } from "./image/host-code.ts";
import type { HostProgram } from "./image/host-program.ts";
import type { InspectorServer } from "./inspector/inspector-server.ts";
import type { FromHost, ToHost } from "./ipc.ts";
import type { HostSocket } from "./run-folder.ts";
import { type HostSandbox, type SpawnedHost, spawnHost } from "./spawn-host.ts";

type Init = Omit<Extract<ToHost, { type: "init" }>, "type" | "nats" | "socket" | "isTraced" | "compile">;

/** The side of the inspector that host processes use. */
export type HostDebug = Pick<InspectorServer, "add" | "remove" | "receive">;

export interface HostProcessOptions {
  init: Init;
  nats: HostLogin;
  program: HostProgram;
  sandbox: HostSandbox;
  /** Where it listens. The folder is removed at its end. */
  socket: HostSocket | undefined;
  events: InstanceEvents;
  sourceMapOf(revision: string): Promise<Uint8Array | undefined>;
  keys: LabelKeys | undefined;
  callees: Callees | undefined;
  /** Takes the spans of requests. Undefined: none are made. */
  spans: SpanSink | undefined;
  /** Counts its requests. Undefined: they are not counted. */
  requests: (() => RequestSink) | undefined;
  /** Undefined: debuggers may not attach. */
  debug: HostDebug | undefined;
  onReady(): void;
  /** V8 has lost control of an isolate: the process drains its instances and ends. */
  onRetiring(guilty: string | undefined, reason: string): void;
  onUsage(usage: Usage): void;
  onExit(end: HostEnd): void;
  log: Logger;
}

export interface HostEnd {
  exitCode: number | null;
  signal: string | null;
  /** The instances that the process still had. */
  lost: string[];
  /** The functions of the lost instances, and of the starts and trials under way. */
  aboard: string[];
}

export type Usage = Omit<Extract<FromHost, { type: "usage" }>, "type">;

const ENDED = {
  ok: false,
  code: "HOST_CRASHED" satisfies ErrorCode,
  message: "the host process ended",
} as const;

type Failed = Omit<typeof ENDED, "message"> & { message: string };

/** An order without its answer yet, for one function. */
interface Pending<Outcome> {
  name: string;
  answer(outcome: Outcome): void;
}

interface PendingStart extends Pending<StartOutcome> {
  revision: string;
}

/** How long after its grace a process that goes on is killed. */
const KILL_AFTER_MS = 2_000;

export class HostProcess {
  readonly #options: HostProcessOptions;
  readonly #spawned: SpawnedHost;
  readonly #starts = new Map<string, PendingStart>();
  readonly #trials = new Map<number, Pending<TrialOutcome>>();
  /** The functions of the instances. */
  readonly #instances = new Map<string, string>();
  readonly #labels = new DeclaredLabels();
  /** The configurations of the instances that run or start. */
  readonly #configs = new Map<string, FunctionConfig>();
  readonly #access: HostAccess;
  readonly #callees: HostCallees;
  readonly #requests: RequestSink | undefined;
  readonly #renewals = new Map<number, () => void>();
  readonly #startedAt = performance.now();
  readonly #ended = Promise.withResolvers<void>();
  #nextTrial = 1;
  #nextRenewal = 1;
  #phase: "starting" | "ready" | "stopping" | "ended" = "starting";

  constructor(options: HostProcessOptions) {
    const { log } = options;
    this.#options = options;
    this.#access = new HostAccess({
      nats: options.nats,
      running: () => this.#configs.values(),
      renew: (login) => this.#renew(login),
    });
    this.#callees = new HostCallees({
      callees: options.callees,
      running: () => this.#configs.values(),
      send: (callees) => this.#send({ type: "callees", callees }),
      sendNode: (node, news) => this.#send({ type: "node", node, news }),
    });
    this.#requests = options.requests?.();
    this.#spawned = spawnHost(options, {
      onMessage: (message) => {
        if (this.#phase !== "ended") this.#receive(message);
      },
      onText: (text) => log.warn({ pid: this.#spawned.pid, text: text.trim() }, "host wrote"),
      // A message to a process that stops may meet its end.
      onError: (error) =>
        log[this.#phase === "stopping" ? "debug" : "error"](
          { error: messageOf(error) },
          "host process failed",
        ),
      onEnd: (exitCode, signal) => this.#end(exitCode, signal),
    });
  }

  get pid(): number | undefined {
    return this.#phase === "ended" ? undefined : this.#spawned.pid;
  }

  /** Milliseconds since the start of the process. */
  get ageMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** The instances that run or start in it. */
  get instances(): string[] {
    return [...this.#instances.keys(), ...this.#starts.keys()];
  }

  has(instance: string): boolean {
    return this.#instances.has(instance) || this.#starts.has(instance);
  }

  start(order: StartOrder): Promise<StartOutcome> {
    return new Promise((resolve) => {
      if (this.#phase === "ended") return resolve(ENDED);
      const { revision, instance } = order;
      const config = { ...order.config, ...(order.interface && { interface: order.interface }) };
      this.#labels.note(config);
      this.#starts.set(instance, { name: config.name, revision, answer: resolve });
      this.#configs.set(instance, config);
      this.#whenCovered(config, resolve, () => {
        if (!this.#starts.has(instance)) return;
        this.#callees.look();
        this.#send({ type: "start", ...order });
      });
    });
  }

  trial(order: TrialOrder): Promise<TrialOutcome> {
    return new Promise((resolve) => {
      if (this.#phase === "ended") return resolve(ENDED);
      const id = this.#nextTrial++;
      const { config } = order;
      this.#labels.note(config);
      this.#trials.set(id, { name: config.name, answer: resolve });
      this.#whenCovered(config, resolve, () => {
        if (this.#trials.has(id)) this.#send({ type: "trial", id, ...order });
      });
    });
  }

  drain(instance: string, order: DrainOrder): void {
    // A handler that stands at a breakpoint could not finish.
    this.#options.debug?.remove(instance);
    this.#send({ type: "drain", instance, ...order });
  }

  /** Drains all instances and ends the process; resolves at its end. */
  async stop(graceMs: number): Promise<void> {
    if (this.#phase === "ended") return;
    this.#phase = "stopping";
    for (const instance of this.#instances.keys()) this.#options.debug?.remove(instance);
    const kill = setTimeout(() => this.#spawned.kill(), graceMs + KILL_AFTER_MS);
    this.#send({ type: "stop", graceMs });
    await this.#ended.promise;
    clearTimeout(kill);
  }

  #send(message: ToHost): void {
    this.#spawned.send(message);
  }

  #receive(message: FromHost): void {
    const { log, onReady, onUsage, onRetiring } = this.#options;
    const { pid } = this.#spawned;
    switch (message.type) {
      case "up":
        this.#onUp(message.lacksCode === true);
        break;
      case "compiled":
        if (this.#phase === "starting") this.#options.program.code?.keep(message.code);
        break;
      case "need-login":
        this.#send({ type: "login", login: this.#access.login() });
        break;
      case "renewed":
        this.#renewals.get(message.renewal)?.();
        this.#renewals.delete(message.renewal);
        break;
      case "ready":
        log.debug({ pid }, "host ready");
        if (this.#phase === "starting") this.#phase = "ready";
        onReady();
        break;
      case "failed":
        log.error({ pid, error: message.message }, "host failed");
        break;
      case "warned":
        log.warn({ pid, ...message.fields }, message.message);
        break;
      case "handler-failed":
        log.error({ pid, subject: message.subject, error: message.message }, "a message was not handled");
        break;
      case "refused":
        log.error({ pid, code: message.code, error: message.message }, "NATS refuses something");
        break;
      case "tried":
        this.#trials.get(message.id)?.answer(message.outcome);
        this.#trials.delete(message.id);
        break;
      case "need-source-map":
        void this.#sendSourceMap(message.revision);
        break;
      case "need-key":
        void this.#sendKey(message);
        break;
      case "usage":
        onUsage(message);
        break;
      case "retiring":
        onRetiring(message.guilty, message.reason);
        break;
      case "spans":
        for (const span of message.spans) this.#options.spans?.record(span);
        break;
      case "requests":
        this.#requests?.add(message.reports);
        break;
      case "ended":
        break;
      default:
        this.#onInstance(message);
    }
  }

  /** A report about one instance. */
  #onInstance(message: Extract<FromHost, { instance: string }>): void {
    const { events, debug } = this.#options;
    const { instance } = message;
    switch (message.type) {
      case "started":
        this.#onStarted(instance, message.outcome);
        break;
      case "idle":
        events.onIdle(instance);
        break;
      case "full":
        events.onFull(instance);
        break;
      case "condemned":
        debug?.remove(instance);
        events.onCondemned(instance);
        break;
      case "gone":
        this.#forget(instance);
        events.onGone(instance, message.reason, message.code);
        break;
      case "inspected":
        debug?.receive(instance, message.message);
    }
  }

  #onUp(lacksCode: boolean): void {
    // A process that stops would end in the middle of its preparations.
    if (this.#phase === "stopping") return;
    const { init, nats, socket, spans, program } = this.#options;
    const compile = lacksCode && program.code ? warmUpTrial() : undefined;
    const listens = socket && { machine: socket.machine, path: socket.path };
    const login = { url: nats.url, copies: nats.copies, login: this.#access.login() };
    this.#send({
      type: "init",
      ...init,
      isTraced: spans !== undefined,
      socket: listens,
      nats: login,
      compile,
    });
  }

  /** Sends an order once the process has the rights for its function. */
  #whenCovered(config: FunctionConfig, fail: (outcome: Failed) => void, send: () => void): void {
    if (this.#options.nats.rights === undefined) {
      send();
      return;
    }
    void this.#access.cover(config).then(
      (leave) => {
        send();
        leave();
      },
      (error: unknown) => {
        this.#options.log.error({ function: config.name, error: messageOf(error) }, "a host got no login");
        fail({ ...ENDED, message: messageOf(error) });
      },
    );
  }

  #renew(login: LoginTexts): Promise<void> {
    if (this.#phase === "ended") return Promise.resolve();
    const renewal = this.#nextRenewal++;
    return new Promise((resolve) => {
      this.#renewals.set(renewal, resolve);
      this.#send({ type: "login", login, renewal });
    });
  }

  #onStarted(instance: string, outcome: StartOutcome): void {
    const start = this.#starts.get(instance);
    if (start === undefined) return;
    this.#starts.delete(instance);
    if (!outcome.ok) this.#configs.delete(instance);
    if (outcome.ok) {
      const { name, revision } = start;
      this.#instances.set(instance, name);
      if (this.#phase !== "stopping") this.#openToDebuggers(instance, name, revision);
    }
    start.answer(outcome);
  }

  #openToDebuggers(id: string, name: string, revision: string): void {
    this.#options.debug?.add({
      id,
      function: name,
      revision,
      send: (message) => this.#send({ type: "inspect", instance: id, message }),
      sourceMap: () => this.#options.sourceMapOf(revision),
    });
  }

  async #sendSourceMap(revision: string): Promise<void> {
    const sourceMap = await this.#options.sourceMapOf(revision);
    this.#send({ type: "source-map", revision, sourceMap });
  }

  async #sendKey({ id, ...wanted }: Extract<FromHost, { type: "need-key" }>): Promise<void> {
    this.#send({ type: "key", id, answer: await this.#labels.find(this.#options.keys, wanted) });
  }

  #forget(instance: string): void {
    this.#options.debug?.remove(instance);
    this.#instances.delete(instance);
    this.#configs.delete(instance);
    this.#callees.look();
  }

  #end(exitCode: number | null, signal: string | null): void {
    this.#phase = "ended";
    this.#access.close();
    this.#callees.close();
    this.#requests?.close();
    for (const resolve of this.#renewals.values()) resolve();
    void this.#options.socket?.remove();
    const pending = [...this.#starts.values(), ...this.#trials.values()];
    const aboard = [...new Set([...this.#instances.values(), ...pending.map(({ name }) => name)])];
    const lost = [...this.#instances.keys()];
    for (const instance of lost) this.#forget(instance);
    this.#ended.resolve();
    // The answer to a failed start may begin the next one at once, which has to find the function's new host.
    this.#options.onExit({ exitCode, signal, lost, aboard });
    for (const { answer } of pending) answer(ENDED);
  }
}

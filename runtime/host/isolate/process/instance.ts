/**
 * One instance: a function's module in a sandbox, behind a NATS Micro service.
 *
 * I1  Every request that is taken gets exactly one answer (open-requests.ts).
 * I2  `ready` is announced after the module was evaluated and the subscriptions are live on the server.
 * I3  A draining instance finishes what it took, and what the server had already sent to it; a condemned one (it hit
 *     a limit) refuses what comes with INSTANCE_DRAINING, which proves to the sender that it was not started.
 * I4  After `gone` nothing of the instance is left: no subscription, no timer, no isolate.
 */
import {
  type Announcement,
  type ErrorCode,
  endpointNames,
  type FunctionConfig,
  type GoneReason,
  type InstanceStats,
  messageOf,
  serviceVersion,
  subjects,
} from "../../../../contracts/index.ts";
import {
  type Message,
  type MicroService,
  type Nats,
  type Peers,
  registerMicroService,
  type StreamPresence,
  type Subscription,
} from "../../../../nats/index.ts";
import { AbortKind, EnterOp, PostOp } from "../../../platform/boundary.ts";
import type { StartOutcome } from "../../host.ts";
import type { EnterMessage, EntryOutcome, OnPost, Sandbox } from "../engine.ts";
import type { InspectorChannel } from "../inspector-channel.ts";
import { createCpuAccounts } from "./cpu-accounts.ts";
import { createFunctionLog, type FunctionLog } from "./function-logs.ts";
import { createIsolateLink } from "./isolate-link.ts";
import { loadFunction } from "./load-function.ts";
import { createOpenRequests } from "./open-requests.ts";
import { createOperations } from "./operations.ts";
import type { Pool } from "./pool.ts";
import { replyFromError } from "./reply-to-message.ts";
import { createRequestEnds } from "./request-ends.ts";
import type { SourceMaps } from "./source-maps.ts";

export interface InstanceOptions {
  nats: Nats;
  node: string;
  pool: Pool;
  peers: Peers;
  presence: StreamPresence;
  egressDeny: readonly string[];
  sourceMaps: SourceMaps;
  instance: string;
  revision: string;
  config: FunctionConfig;
  secrets: Readonly<Record<string, string>>;
  bundle: Uint8Array;
  onIdle(): void;
  onGone(reason: GoneReason, code?: ErrorCode): void;
}

export interface Instance {
  /** Takes nothing new, finishes what was taken within the grace, ends. Resolves when it is gone. */
  drain(reason: GoneReason, graceMs: number): Promise<void>;
  /** V8's inspector, where debuggers may attach. */
  readonly inspector: InspectorChannel | undefined;
}

/** Starts an instance; where that fails nothing of it is left. */
export async function startInstance(
  options: InstanceOptions,
): Promise<{ outcome: StartOutcome; instance?: Instance }> {
  const { config, secrets, pool, bundle, sourceMaps, revision } = options;
  const log = createFunctionLog(options);
  const live = new LiveInstance(options, log);
  const startedAt = performance.now();
  const sandbox = await pool.take(config.limits.memoryMb, live.onPost);
  live.adopt(sandbox);
  const takenAt = performance.now();
  const failure = await loadFunction(sandbox, { config, bundle, secrets });
  if (failure !== undefined) {
    const { code, message } = failure;
    const stack = failure.stack === undefined ? undefined : await sourceMaps.map(revision, failure.stack);
    log.say(stack ?? `${code}: ${message}`, undefined);
    live.abandon();
    return { outcome: { ok: false, code, message, ...(stack === undefined ? {} : { stack }) } };
  }
  const loadedAt = performance.now();
  try {
    await live.open();
  } catch (error) {
    // NATS went away just now: nobody has heard of this instance.
    live.abandon();
    return { outcome: { ok: false, code: "INSTANCE_DRAINING", message: messageOf(error) } };
  }
  const phases = {
    isolate: takenAt - startedAt,
    load: loadedAt - takenAt,
    register: performance.now() - loadedAt,
  };
  live.announceReady(phases);
  return { outcome: { ok: true, phases }, instance: live };
}

type Phase = "starting" | "ready" | "draining" | "condemned" | "gone";

/** How long a condemned instance's other requests may go on. */
const CONDEMNED_GRACE_MS = 5_000;

/** The part of the grace after which handlers hear that it ends: what is done by itself until then is not disturbed. */
const WARN_AT = 0.8;

class LiveInstance implements Instance {
  readonly #options: InstanceOptions;
  readonly #log: FunctionLog;
  readonly #requests;
  readonly #link;
  readonly #cpu;
  readonly #ends = createRequestEnds();
  #phase: Phase = "starting";
  #sandbox: Sandbox | undefined;
  #service: MicroService | undefined;
  #control: Subscription | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #ending: Promise<void> = Promise.resolve();

  constructor(options: InstanceOptions, log: FunctionLog) {
    this.#options = options;
    this.#log = log;
    this.#cpu = createCpuAccounts(options.config.limits.cpuMs);
    this.#requests = createOpenRequests({
      ...options,
      onOver: (id) => {
        this.#cpu.forget(id);
        this.#ends.end(id);
      },
      onBytes: (id, bytes) => this.#cpu.extend(id, bytes),
      log,
      streams: () => this.#link.streams,
      enterSocket: (op, id, ...values) => this.#enter(id, op, id, ...values),
      abort: (id, kind) => void this.#enter(id, EnterOp.abort, id, kind),
      logStack: (stack, requestId) => log.write("error", stack, requestId),
    });
    this.#link = createIsolateLink({
      enter: (owner, ...message) => void this.#enter(owner, ...message),
      operations: createOperations({
        ...options,
        endOf: (owner) => (this.#requests.isOver(owner) ? undefined : this.#ends.signalOf(owner)),
        hopsOf: (owner) => this.#requests.hopsOf(owner),
        onWork: (owner, ms) => this.#charge(owner, this.#cpu.spend(owner, ms)),
        log: (text, requestId) => log.write("error", text, requestId),
      }),
      requestOf: (owner) => this.#requests.find(owner),
      onViolation: (what) => this.#condemn("HOST_CRASHED", undefined, what),
      onCallError: (name, error) => log.write("error", `${name} failed: ${messageOf(error)}`, undefined),
    });
  }

  /** What the isolate posts. All of it is user input. */
  readonly onPost: OnPost = (op, a, b, c, d) => {
    switch (op) {
      case PostOp.response:
        return this.#requests.respond(Number(a), b, c, d);
      case PostOp.failure:
        return this.#requests.refuse(Number(a), b, String(c));
      case PostOp.log:
        return this.#log.write(a, b, this.#requests.requestIdOf(Number(c)));
      case PostOp.dropped:
        return this.#log.dropped(a);
      case PostOp.upgrade:
        return this.#requests.upgrade(Number(a), b);
      case PostOp.socketMessage:
        return this.#requests.socketMessage(Number(a), b);
      case PostOp.socketClose:
        return this.#requests.socketClose(Number(a), b, c);
      case PostOp.background:
        return this.#requests.beginBackground(Number(a));
      case PostOp.backgroundDone:
        return this.#requests.endBackground(Number(a));
      default:
        this.#link.receive(op, a, b, c, d);
    }
  };

  adopt(sandbox: Sandbox): void {
    this.#sandbox = sandbox;
  }

  get inspector(): InspectorChannel | undefined {
    return this.#sandbox?.inspector;
  }

  /** Ends what never became ready. */
  abandon(): void {
    this.#phase = "gone";
    clearTimeout(this.#idleTimer);
    this.#service?.close();
    this.#control?.unsubscribe();
    this.#link.close();
    this.#sandbox?.dispose();
    this.#log.close();
  }

  /** Registers the service; resolves when its subscriptions are live on the server. */
  async open(): Promise<void> {
    const { nats, node, instance, revision, config } = this.#options;
    this.#service = registerMicroService(nats, {
      name: config.name,
      version: serviceVersion(revision),
      description: `function ${config.name}`,
      metadata: {
        "narun.function": config.name,
        "narun.instance": instance,
        "narun.node": node,
        "narun.revision": revision,
        "narun.mode": config.mode,
        "narun.concurrency": String(config.scale.concurrency),
      },
      endpoints: [
        { name: endpointNames.shared, subject: config.name, handle: this.#take },
        { name: endpointNames.direct, subject: subjects.instanceRequests(instance), handle: this.#take },
      ],
      stats: (): InstanceStats => ({
        state: this.#phase === "ready" ? "ready" : "draining",
        inFlight: this.#requests.size,
      }),
    });
    const control = subjects.streamControl(instance, "");
    this.#control = nats.subscribe(subjects.streamControlAll(instance), (message) =>
      this.#requests.control(message.subject.slice(control.length), message),
    );
    this.#phase = "ready";
    await nats.flush();
    this.#watchIdle(config.scale.idleSeconds * 1_000);
  }

  announceReady(phases: Record<string, number>): void {
    this.#announce({ state: "ready", concurrency: this.#options.config.scale.concurrency, phases });
  }

  drain(reason: GoneReason, graceMs: number): Promise<void> {
    if (this.#phase === "ready") {
      this.#phase = "draining";
      this.#announce({ state: "draining" });
      this.#ending = this.#end(reason, graceMs);
    }
    // Whoever drains what drains already waits for the same end.
    return this.#ending;
  }

  readonly #take = (message: Message, done: (error?: string) => void) => {
    if (this.#phase === "condemned" || this.#phase === "gone") {
      const reply = replyFromError("INSTANCE_DRAINING");
      message.respond(reply.data, reply.headers);
      return done();
    }
    const { id, request, begin } = this.#requests.open(message, done);
    this.#cpu.open(id);
    const { method, url, headerBlock, body, requestId, deadline } = request;
    void this.#enter(id, EnterOp.request, id, method, url, headerBlock, body, requestId, deadline);
    begin?.();
  };

  /** Enters the isolate on behalf of a request; 0: nobody's. */
  async #enter(id: number, ...message: EnterMessage): Promise<void> {
    const sandbox = this.#sandbox;
    const allowedMs = this.#cpu.allowance(id);
    // What a request that has used up its time still asked for (a timer, a result) is not done.
    if (sandbox === undefined || allowedMs === 0) return;
    const last = message.at(-1);
    if (last instanceof ArrayBuffer) this.#cpu.extend(id, last.byteLength);
    const outcome = await sandbox.enter(Math.ceil(allowedMs), ...message);
    const usedMs = this.#cpu.charge(id, sandbox.cpuMs());
    this.#settle(outcome, id);
    if (outcome.kind === "ok") this.#charge(id, usedMs);
  }

  /** A request has used so much by now. */
  #charge(id: number, usedMs: number): void {
    if (id !== 0 && this.#cpu.allowance(id) === 0) this.#overdraw(id, usedMs);
  }

  /** A request has used up its time in many short stretches. Its isolate is whole: only the request ends. */
  #overdraw(id: number, usedMs: number): void {
    if (this.#requests.find(id) === undefined) return;
    const { cpuMs } = this.#options.config.limits;
    const requestId = this.#requests.requestIdOf(id);
    const why = `its stretches took ${Math.round(usedMs)} ms together; limits.cpuMs is ${cpuMs} ms`;
    this.#log.write("error", `CPU_LIMIT: ${why}`, requestId);
    this.#requests.fail(id, "CPU_LIMIT");
  }

  /** What an entry's end means for the requests and for the instance. */
  #settle(outcome: EntryOutcome, owner: number) {
    const id = owner === 0 ? undefined : owner;
    // What ends an entry while the module is still being evaluated is how its load ends: that is told there.
    if (this.#phase === "starting") return;
    const { limits } = this.#options.config;
    switch (outcome.kind) {
      case "ok":
      case "disposed":
        return;
      case "uncaught":
        return this.#log.write("error", outcome.stack, this.#requests.requestIdOf(id));
      case "cpu-limit":
        return this.#condemn(
          "CPU_LIMIT",
          id,
          `it ran for limits.cpuMs (${limits.cpuMs} ms) without a pause${outcome.stack === "" ? "" : `\n${outcome.stack}`}`,
        );
      case "memory-limit":
        return this.#condemn(
          "MEMORY_LIMIT",
          undefined,
          `it used more than limits.memoryMb (${limits.memoryMb} MB)`,
        );
    }
  }

  /** The sandbox cannot be trusted any more: nothing new enters it. Without an `id` every open request is concerned. */
  #condemn(code: ErrorCode, id: number | undefined, why: string): void {
    if (this.#phase === "gone") return;
    this.#log.say(`${code}: ${why}`, this.#requests.requestIdOf(id));
    if (id === undefined) this.#requests.failAll(code);
    else this.#requests.fail(id, code);
    if (this.#phase === "condemned") return;
    const isEnding = this.#phase === "draining";
    this.#phase = "condemned";
    if (isEnding) return;
    this.#announce({ state: "draining" });
    this.#ending = this.#end("crashed", CONDEMNED_GRACE_MS, code);
  }

  async #end(reason: GoneReason, graceMs: number, code?: ErrorCode): Promise<void> {
    clearTimeout(this.#idleTimer);
    // A connection that is away cannot drain; what had come before is answered all the same.
    await this.#service?.drain().catch(() => undefined);
    const warning = setTimeout(() => this.#requests.abortAll(AbortKind.drain), graceMs * WARN_AT);
    await this.#requests.empty(graceMs);
    clearTimeout(warning);
    this.#requests.failAll("CONSUMER_DIED");
    this.#phase = "gone";
    this.#service?.close();
    this.#control?.unsubscribe();
    this.#link.close();
    this.#sandbox?.dispose();
    this.#log.close();
    this.#announce({ state: "gone", reason, ...(code === undefined ? {} : { code }) });
    this.#options.onGone(reason, code);
  }

  #watchIdle(afterMs: number): void {
    this.#idleTimer = setTimeout(() => {
      const { idleSince } = this.#requests;
      const idleMs = idleSince === undefined ? 0 : Date.now() - idleSince;
      const wantedMs = this.#options.config.scale.idleSeconds * 1_000;
      if (idleMs < wantedMs) return this.#watchIdle(wantedMs - idleMs);
      this.#options.onIdle();
      // The runner may keep it (`scale.min`): it is asked again later.
      this.#watchIdle(wantedMs);
    }, afterMs);
  }

  #announce(state: Partial<Announcement>): void {
    const { nats, node, instance, revision, config } = this.#options;
    const announcement = { function: config.name, instance, node, revision, at: Date.now(), ...state };
    nats.publish(subjects.announcement(config.name, instance), JSON.stringify(announcement));
  }
}

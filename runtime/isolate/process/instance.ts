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
  type GoneReason,
  messageOf,
  subjects,
  warnOfDrain,
} from "../../../contracts/index.ts";
import type { Message } from "../../../nats/index.ts";
import { AbortKind, EnterOp, FailureKind, PostOp, splitAnswer } from "../../../web/index.ts";
import type { DrainOrder } from "../../host.ts";
import type { FunctionLog } from "../../instance/function-logs.ts";
import { watchIdle } from "../../instance/idle-watch.ts";
import { registerInstance } from "../../instance/instance-service.ts";
import { limitWords } from "../../instance/limit-messages.ts";
import { createOpenRequests } from "../../instance/open-requests.ts";
import { replyFromError } from "../../instance/reply-to-message.ts";
import { createRequestEnds } from "../../instance/request-ends.ts";
import type { EntryOutcome, OnPost, Sandbox } from "../engine.ts";
import type { InspectorChannel } from "../inspector/inspector-channel.ts";
import { createOperations } from "../operations/operations.ts";
import { Entries, type EntryUsage } from "./entries.ts";
import { createFullness, type Fullness } from "./fullness.ts";
import type { Instance, InstanceOptions } from "./instance-options.ts";
import { createIsolateLink } from "./isolate-link.ts";
import type { LoadFailure } from "./load-function.ts";

type Phase = "starting" | "ready" | "draining" | "condemned" | "gone";

/** How long V8 may take to end what a disposed sandbox is at, while that takes more and more memory. */
const RUNAWAY_MS = 500;

/** How long V8 may take to end a loop whose request was answered already (entries.ts). */
const LOOP_END_MS = 15_000;

/** How long a condemned instance's other requests may go on. */
const CONDEMNED_GRACE_MS = 5_000;

export class LiveInstance implements Instance {
  readonly #options: InstanceOptions;
  readonly #log: FunctionLog;
  readonly #requests;
  readonly #link;
  readonly #entries;
  readonly #ends = createRequestEnds();
  readonly #words;
  readonly #fullness: Fullness;
  /** Why the start was ended, where it took too much. */
  #endedStart: LoadFailure | undefined;
  /** The entry that went on after its time, until the log says so. */
  #untoldLoop: { owner: number; usage: EntryUsage } | undefined;
  /** What was told to have ended every request. */
  #toldOfAll: ErrorCode | undefined;
  #phase: Phase = "starting";
  #sandbox: Sandbox | undefined;
  #service: ReturnType<typeof registerInstance> | undefined;
  #stopIdleWatch: () => void = () => undefined;
  #ending: Promise<void> = Promise.resolve();

  constructor(options: InstanceOptions, log: FunctionLog) {
    this.#options = options;
    this.#log = log;
    const { limits } = options.config;
    this.#words = limitWords(limits);
    this.#fullness = createFullness({
      ...limits,
      usedBytes: async () => this.#sandbox?.usedBytes(),
      probe: (bytes) => void this.#entries.enter(0, EnterOp.probe, 0, bytes),
    });
    this.#entries = new Entries({
      ...options,
      limits,
      onAnswer: (answer, owner) => this.#answer(answer, owner),
      onEnd: (...end) => this.#settle(...end),
      onOverdrawn: (...how) => this.#overdraw(...how),
      onLate: (owner, usage) => this.#late(owner, usage),
      onGrowth: (bytes) => this.#outgrow(bytes),
    });
    this.#requests = createOpenRequests({
      ...options,
      onOver: (id) => {
        this.#entries.forget(id);
        this.#ends.end(id);
        this.#fullness.look();
      },
      onBytes: (id, bytes) => this.#entries.extend(id, bytes),
      log,
      streams: () => this.#link.streams,
      enterSocket: (op, id, ...values) => this.#entries.enter(id, op, id, ...values),
      abort: (id, kind) => void this.#entries.enter(id, EnterOp.abort, id, kind),
      logStack: (stack, requestId) => log.write("error", stack, requestId),
    });
    this.#link = createIsolateLink({
      enter: (owner, ...message) => void this.#entries.enter(owner, ...message),
      operations: createOperations({
        ...options,
        endOf: (owner) => (this.#requests.isOver(owner) ? undefined : this.#ends.signalOf(owner)),
        hopsOf: (owner) => this.#requests.hopsOf(owner),
        measure: this.#entries.measure,
        log: (text, requestId) => log.write("error", text, requestId),
      }),
      maxTimers: limits.timers,
      requestOf: (owner) => this.#requests.find(owner),
      onViolation: (what) => this.#condemn("ISOLATE_TAMPERED", undefined, what),
      onCallError: (name, error) => log.write("error", `${name} failed: ${messageOf(error)}`, undefined),
    });
  }

  /** What the isolate posts. All of it is user input. */
  readonly onPost: OnPost = (op, a, b, c, d) => {
    switch (op) {
      case PostOp.response:
        return this.#requests.respond(Number(a), b, c, d);
      case PostOp.failure:
        if (b === FailureKind.outOfMemory) return this.#outOfMemory(Number(a), String(c));
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
      case PostOp.overMemory:
        return this.#loseMemory(this.#words.wasmGrown(a));
      case PostOp.nearlyFull:
        if (this.#phase !== "ready") return;
        this.#log.write("warn", this.#words.nearlyFull(), undefined);
        return this.#options.onFull();
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
    this.#entries.into(sandbox);
  }

  /** Evaluates the module under the eyes of the watchdog. */
  async load(evaluate: () => Promise<LoadFailure | undefined>): Promise<LoadFailure | undefined> {
    const failure = await this.#entries.load(evaluate);
    return this.#endedStart ?? failure;
  }

  get inspector(): InspectorChannel | undefined {
    return this.#sandbox?.inspector;
  }

  /** Ends what never became ready. */
  abandon(): void {
    this.#phase = "gone";
    this.#stopIdleWatch();
    this.#service?.close();
    this.#link.close();
    this.#entries.close();
    this.#fullness.close();
    this.#sandbox?.dispose();
    this.#log.close();
  }

  /** Registers the service; resolves when its subscriptions are live on the server. */
  async open(): Promise<void> {
    const { nats, config } = this.#options;
    this.#service = registerInstance(this.#options, {
      refuses: (...request) => this.#refuses(...request),
      take: (message, done) => this.#take(message, done),
      control: (token, message) => this.#requests.control(token, message),
      stats: () => ({
        state: this.#phase === "ready" ? "ready" : "draining",
        inFlight: this.#requests.size,
      }),
    });
    this.#phase = "ready";
    await nats.confirm(this.#service.subscriptions);
    this.#stopIdleWatch = watchIdle({
      idleMs: config.scale.idleSeconds * 1_000,
      idleSince: () => this.#requests.idleSince,
      onIdle: () => this.#options.onIdle(),
    });
  }

  announceReady(phases: Record<string, number>): void {
    this.#announce({ state: "ready", concurrency: this.#options.config.scale.concurrency, phases });
  }

  drain({ reason, graceMs, closesSockets }: DrainOrder): Promise<void> {
    if (this.#phase === "ready") {
      this.#phase = "draining";
      this.#announce({ state: "draining" });
      this.#ending = this.#end(reason, graceMs);
      if (closesSockets) this.#requests.failAll("CONSUMER_DIED", "sockets");
    }
    // Whoever drains what drains already waits for the same end.
    return this.#ending;
  }

  #refuses(message: Message, done: (error?: string) => void, isStranger = false): boolean {
    const isOver = isStranger || this.#phase === "condemned" || this.#phase === "gone";
    if (!isOver && message.isReadable) return false;
    const reply = replyFromError(isOver ? "INSTANCE_DRAINING" : "BAD_REQUEST");
    message.respond(reply.data, reply.headers);
    done(isOver ? undefined : "BAD_REQUEST");
    return true;
  }

  #take(message: Message, done: (error?: string) => void): void {
    const { id, request, begin } = this.#requests.open(message, done);
    this.#entries.open(id);
    const { method, url, headerBlock, body, requestId, deadline } = request;
    void this.#entries.enter(id, EnterOp.request, id, method, url, headerBlock, body, requestId, deadline);
    begin?.();
  }

  /**
   * A request, or its work in the background, has used up its time in many short stretches. Its isolate is whole: only the
   * request ends, with all that it has begun.
   */
  #overdraw(id: number, usedMs: number, budgetMs: number): void {
    if (this.#requests.isOver(id)) return;
    const requestId = this.#requests.requestIdOf(id);
    this.#log.write("error", `CPU_LIMIT: ${this.#words.overdrawn(usedMs, budgetMs)}`, requestId);
    this.#entries.exhaust(id);
    this.#requests.fail(id, "CPU_LIMIT");
    this.#requests.endBackground(id);
    // Nobody's: the request has no time left for them.
    void this.#entries.enter(0, EnterOp.abort, id, AbortKind.deadline);
    void this.#entries.enter(0, EnterOp.drop, id);
  }

  /** The handler ended with V8's word that there is no room. What it keeps would fail every request from now on. */
  #outOfMemory(id: number, stack: string): void {
    if (this.#requests.find(id) === undefined) return;
    this.#condemn("MEMORY_LIMIT", id, this.#words.allocationRefused(stack));
  }

  /** The entry that runs is not coming back, or must not: nothing else gets into the isolate. */
  #lose(code: ErrorCode, why: string, owner = 0): void {
    if (this.#phase !== "starting") this.#condemn(code, owner || undefined, why);
  }

  /** Nothing runs in the isolate any more: what no handler has seen is for another. */
  #loseMemory(why: string): void {
    for (const id of this.#entries.unbegun) this.#requests.fail(id, "INSTANCE_DRAINING");
    this.#lose("MEMORY_LIMIT", why);
  }

  /**
   * An entry goes on after its time. Its request is answered now. What the log says waits for V8, which knows where the entry
   * was when it ends it.
   */
  #late(owner: number, usage: EntryUsage): void {
    if (this.#phase === "starting") {
      this.#endedStart = { code: "CPU_LIMIT", message: this.#words.topLevel(usage.stretchMs) };
      this.#sandbox?.dispose();
      return;
    }
    this.#untoldLoop = { owner, usage };
    this.#condemn("CPU_LIMIT", owner || undefined, undefined);
  }

  #tellLoop(describe: (usage: EntryUsage) => string): void {
    if (this.#untoldLoop === undefined) return;
    const { owner, usage } = this.#untoldLoop;
    this.#untoldLoop = undefined;
    this.#log.say(`CPU_LIMIT: ${describe(usage)}`, this.#requests.requestIdOf(owner || undefined));
  }

  /** V8 has broken off an entry, by its clock on the wall. */
  #brokenOff(id: number | undefined, usage: EntryUsage, stack: string): void {
    if (this.#untoldLoop !== undefined) this.#tellLoop((late) => this.#words.looped(late, stack));
    else if (!usage.isStarved) this.#condemn("CPU_LIMIT", id, this.#words.looped(usage, stack));
    else this.#condemn("MACHINE_BUSY", id, this.#words.starved(usage, stack));
  }

  /** The process grew by more than it may while this isolate was at work. */
  #outgrow(bytes: number): void {
    // Its request is answered, and other functions of the host have their grace: only the wait for V8 is over.
    if (this.#untoldLoop !== undefined) {
      this.#entries.giveUp();
      return;
    }
    const message = this.#words.processGrown(bytes);
    if (this.#phase === "starting") this.#endedStart = { code: "MEMORY_LIMIT", message };
    this.#lose("MEMORY_LIMIT", message);
    // V8 ends what it is at, and gives back what it has; or does not hear of it.
    const sandbox = this.#sandbox;
    sandbox?.dispose();
    setTimeout(() => {
      if (sandbox !== undefined && this.#entries.isUnderWay) this.#options.onRunaway(sandbox);
    }, RUNAWAY_MS);
  }

  /** What an entry's end means for the requests and for the instance. */
  #settle(outcome: EntryOutcome, owner: number, usage: EntryUsage) {
    const id = owner === 0 ? undefined : owner;
    // What ends an entry while the module is still being evaluated is how its load ends: that is told there.
    if (this.#phase === "starting") return;
    switch (outcome.kind) {
      case "ok":
      case "disposed":
        return;
      case "uncaught":
        return this.#log.write("error", outcome.stack, this.#requests.requestIdOf(id));
      case "cpu-limit":
        return this.#brokenOff(id, usage, outcome.stack);
      case "memory-limit":
        return this.#loseMemory(this.#words.overMemory(usage.grownBytes));
    }
  }

  /** An entry returned its request's answer: user input. */
  #answer(returned: unknown, owner: number): void {
    const answer = splitAnswer(returned);
    if (answer !== undefined) this.#requests.respond(owner, answer.status, answer.headerBlock, answer.body);
  }

  /**
   * The sandbox cannot be trusted any more: nothing new enters it. Without an `id` every open request is concerned, without
   * a `why` the log hears of it later.
   */
  #condemn(code: ErrorCode, id: number | undefined, why: string | undefined): void {
    if (this.#phase === "gone") return;
    // Every entry that was with V8 ends by the limit that one of them met: that of all requests is told once.
    if (why !== undefined && (id !== undefined || this.#toldOfAll !== code)) {
      this.#log.say(`${code}: ${why}`, this.#requests.requestIdOf(id));
    }
    if (id === undefined) this.#toldOfAll = code;
    if (id === undefined) this.#requests.failAll(code);
    else this.#requests.fail(id, code);
    if (this.#phase === "condemned") return;
    const isEnding = this.#phase === "draining";
    this.#phase = "condemned";
    if (isEnding) return;
    this.#announce({ state: "draining" });
    this.#options.onCondemned();
    this.#ending = this.#end("crashed", CONDEMNED_GRACE_MS, code);
  }

  async #end(reason: GoneReason, graceMs: number, code?: ErrorCode): Promise<void> {
    this.#stopIdleWatch();
    // A connection that is away cannot drain; what had come before is answered all the same.
    await this.#service?.drain().catch(() => undefined);
    const callOff = warnOfDrain(graceMs, (whom) => this.#requests.warn(whom));
    // Other requests of the isolate have their grace from when the loop has ended, and the log says where it was.
    if (this.#untoldLoop !== undefined) await this.#entries.over(LOOP_END_MS);
    this.#tellLoop(this.#words.notInterrupted);
    await this.#requests.empty(graceMs);
    callOff();
    this.#requests.failAll("CONSUMER_DIED");
    this.#ends.close();
    this.#phase = "gone";
    this.#service?.close();
    this.#link.close();
    this.#entries.close();
    this.#fullness.close();
    this.#sandbox?.dispose();
    this.#log.close();
    this.#announce({ state: "gone", reason, ...(code === undefined ? {} : { code }) });
    this.#options.onGone(reason, code);
  }

  #announce(state: Partial<Announcement>): void {
    const { nats, node, instance, revision, config } = this.#options;
    const announcement = { function: config.name, instance, node, revision, at: Date.now(), ...state };
    nats.publish(subjects.announcement(config.name, instance), JSON.stringify(announcement));
  }
}

/**
 * One running program: its folder, its door to NATS, its processes.
 *
 *     starting ── registered ──▶ ready ── drain ──▶ draining ── ended ──▶ gone
 *     starting ── ended, or too slow ──▶ gone         ready ── ended ──▶ gone (crashed)
 *
 * I1  `ready` is announced when the program has answered for its service and the server has its subscriptions.
 * I2  A draining program gets nothing new, and is asked to end when it has answered all requests.
 * I3  After `gone` nothing of it is left: no process, no door, no folder.
 */
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  type Announcement,
  type ErrorCode,
  EXECUTABLE_HEAD_BYTES,
  type FunctionConfig,
  type GoneReason,
  InquirySchema,
  isNarunError,
  MIB,
  messageOf,
  NarunError,
  parseJson,
  subjects,
} from "../../../contracts/index.ts";
import {
  createGuestRules,
  type Door,
  type GuestRules,
  guardedRules,
  type Nats,
  openDoor,
  openRules,
  type Registration,
  type Subscription,
} from "../../../nats/index.ts";
import type { DrainOrder, EndFacts, HostParts, KeptFile, MountedFile, StartOutcome } from "../../host.ts";
import { closeFailure } from "../../instance/closed-failure.ts";
import { createFunctionLog, type FunctionLog } from "../../instance/function-logs.ts";
import { watchIdle } from "../../instance/idle-watch.ts";
import { leaveCgroup, makeProgramCgroup } from "./cgroup.ts";
import { type Child, type ChildEnd, startChild } from "./child.ts";
import { type Confined, confine, DEFAULT_FOLDER_MB, DOOR_SOCKET, idsOf, type Means } from "./confinement.ts";
import { environmentOf } from "./environment.ts";
import { watchFolder } from "./folder-watch.ts";
import { makeInstanceFolder } from "./instance-folder.ts";
import { missingInterpreter, unfitFor } from "./launch.ts";
import { createMark } from "./process-mark.ts";
import { findMarked } from "./processes-of.ts";
import { metadataOf } from "./program-metadata.ts";
import { describeEnd, factsOf, ProgramOutput } from "./program-output.ts";
import { sealerOf } from "./program-sealer.ts";
import { subjectsOf } from "./program-subjects.ts";
import { traceProgram } from "./program-traces.ts";
import { RELAY_PORT } from "./relay.ts";
import { STOPPING } from "./stopping.ts";

export interface ProgramOptions {
  parts: Pick<HostParts, "node" | "nats" | "keys" | "spans" | "log">;
  nats: Nats;
  instance: string;
  revision: string;
  config: FunctionConfig;
  secrets: Readonly<Record<string, string>>;
  /** Its file. */
  file: KeptFile;
  /** The files of its `mounts`. */
  files?: readonly MountedFile[] | undefined;
  index: number;
  /** The folder of all programs of the node. */
  folder: string;
  searchPath: string;
  means: Means;
  /**
   * A `function` is ready when it has registered. A `service` of the original toolkit that is always there runs when it has
   * started, and registers if it likes to. A `trial` takes no requests, and is announced to no gateway.
   */
  kind: "function" | "service" | "trial";
  onIdle(): void;
  onGone(reason: GoneReason, code: ErrorCode | undefined, facts: EndFacts): void;
}

type Phase = "starting" | "ready" | "draining" | "gone";

/** How long a program may take to end after it was asked. */
const STOP_GRACE_MS = 10_000;

export class Program {
  readonly #options: ProgramOptions;
  readonly #log: FunctionLog;
  readonly #registered = Promise.withResolvers<Registration>();
  readonly #mark: { runId: string; mark: bigint };
  readonly #output: ProgramOutput;
  #phase: Phase = "starting";
  #isRegistered = false;
  /** Its host ends while it starts. */
  #isUnwanted = false;
  #door: Door | undefined;
  #child: Child | undefined;
  #root: string | undefined;
  #confined: Confined | undefined;
  #stopIdleWatch: () => void = () => undefined;
  #stopFolderWatch: () => void = () => undefined;
  /** Why narun ended it. */
  #fault: { code: ErrorCode; why: string } | undefined;
  #inquiries: Subscription | undefined;
  #drained: Promise<void> = Promise.resolve();

  constructor(options: ProgramOptions) {
    this.#options = options;
    const { nats, parts, config, instance, revision } = options;
    this.#mark = { runId: crypto.randomUUID(), mark: createMark(options.folder) };
    const sealer = sealerOf(parts.keys, config);
    this.#log = createFunctionLog({ nats, node: parts.node, config, instance, revision, sealer });
    this.#output = new ProgramOutput(this.#log, () => this.#phase === "starting");
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Whether it has answered for its service. */
  get isRegistered(): boolean {
    return this.#isRegistered;
  }

  async start(): Promise<StartOutcome> {
    const phases: Record<string, number> = {};
    const startedAt = performance.now();
    const note = (phase: string) => {
      phases[phase] = performance.now() - startedAt - Object.values(phases).reduce((sum, ms) => sum + ms, 0);
    };
    try {
      await this.#prepare();
      note("prepare");
      if (this.#isUnwanted) return this.#giveUp();
      this.#child = await this.#spawn();
      note("spawn");
    } catch (error) {
      if (isNarunError(error)) return this.#fail(error.code, error.fields.detail ?? error.message);
      return this.#fail("PROGRAM_NOT_STARTED", messageOf(error));
    }
    const child = this.#child;
    const ended = this.#output.follow(child);
    void ended.then((end) => this.#onEnded(end));
    if (this.#options.kind === "service" && isAlwaysThere(this.#options.config))
      return this.#beginService(phases);
    const failure = await this.#untilRegistered(ended);
    if (this.#isUnwanted) return this.#giveUp();
    if (failure !== undefined) return this.#fail(failure.code, failure.message, failure.facts);
    note("register");
    this.#phase = "ready";
    if (this.#options.kind !== "trial") this.#announceReady(phases);
    return { ok: true, phases };
  }

  /** Takes nothing new, answers its requests, ends. */
  drain(order: Pick<DrainOrder, "reason" | "graceMs">): Promise<void> {
    if (this.#phase === "ready") this.#drained = this.#drain(order);
    return this.#drained;
  }

  async #drain({ reason, graceMs }: Pick<DrainOrder, "reason" | "graceMs">): Promise<void> {
    this.#phase = "draining";
    this.#stopIdleWatch();
    const endsAtMs = performance.now() + graceMs;
    this.#announce({ state: "draining" });
    await this.#door?.drain();
    await this.#door?.requests.empty(graceMs);
    const leftMs = Math.max(0, endsAtMs - performance.now());
    await this.#stopChild(Math.min(STOP_GRACE_MS, Math.max(MIN_STOP_MS, leftMs)));
    await this.#dispose();
    this.#announce({ state: "gone", reason });
    this.#options.onGone(reason, undefined, {});
  }

  /** A program that does not hear SIGTERM keeps its node waiting: people are told which one it is. */
  async #stopChild(graceMs: number): Promise<void> {
    const { parts, config, instance } = this.#options;
    const facts = { function: config.name, instance, pid: this.pid };
    const tell = () => {
      const text = `it has not ended since SIGTERM, ${DEAF_MS / 1_000} s ago; it is killed after ${graceMs / 1_000} s`;
      this.#log.say(text, undefined);
      parts.log.warn(facts, `a program is awaited: ${text}`);
    };
    const timer = graceMs > DEAF_MS ? setTimeout(tell, DEAF_MS) : undefined;
    await this.#child?.stop(graceMs);
    clearTimeout(timer);
  }

  /** Ends it in any phase. A start that is under way ends with its outcome. */
  async end(order: Pick<DrainOrder, "reason" | "graceMs">): Promise<void> {
    if (this.#phase === "starting") {
      this.#isUnwanted = true;
      await this.#child?.stop(MIN_STOP_MS);
    } else if (this.#phase === "draining") await this.#drained;
    else await this.drain(order);
  }

  /** Ends a program that is not ready yet, or a trial. */
  async abandon(): Promise<void> {
    this.#phase = "gone";
    await this.#child?.stop(MIN_STOP_MS);
    await this.#dispose();
  }

  async #giveUp(): Promise<StartOutcome> {
    await this.abandon();
    return STOPPING;
  }

  async #prepare(): Promise<void> {
    const { folder, instance, revision, file, config, searchPath, kind } = this.#options;
    const { nats, parts, means, files } = this.#options;
    const { mark } = this.#mark;
    const confined = confine({ config, means, root: join(folder, instance), instance, mark });
    if (typeof confined === "string") throw new NarunError("NODE_CANNOT_CONFINE", { detail: confined });
    this.#confined = confined;
    const head = await file.head(EXECUTABLE_HEAD_BYTES);
    const unfit = unfitFor(head, file.size, parts.node);
    if (unfit !== undefined) throw new NarunError("PROGRAM_UNFIT", { detail: unfit });
    const missing = missingInterpreter(head, searchPath);
    if (missing !== undefined) throw new Error(`its interpreter ${missing} is not on node ${parts.node}`);
    this.#root = await makeInstanceFolder({
      ...{ folder, instance, program: file, file: fileOf(config), files },
      owner: config.user === undefined || !means.isRoot ? undefined : idsOf(config.user),
    });
    this.#door = await openDoor({
      ...parts.nats,
      name: `${config.name}/${instance}`,
      service: config.name,
      direct: kind === "trial" ? undefined : nats.world.toWire(subjects.instanceRequests(instance)),
      rules: this.#rules(),
      metadata: metadataOf({
        ...{ world: nats.world.id, node: parts.node, config, instance, revision },
        inForce: confined.inForce,
      }),
      trace: traceProgram({ service: config.name, instance, revision, spans: parts.spans }),
      socketPath: config.network === false ? join(this.#root, DOOR_SOCKET) : undefined,
      timeoutMs: config.limits.timeoutMs,
      stats: () => ({
        state: this.#phase === "ready" ? "ready" : "draining",
        inFlight: this.#door?.requests.inFlight ?? 0,
      }),
      pids: () => this.#pids(),
      onRegistered: (registration) => {
        this.#isRegistered = true;
        this.#registered.resolve(registration);
      },
      onRefused: (what) => this.#log.write("warn", `NATS refused the program a subject: ${what}`, undefined),
    });
  }

  #rules(): GuestRules {
    const { kind, config, parts } = this.#options;
    if (kind !== "service") return createGuestRules({ service: config.name, ...subjectsOf(config) });
    return parts.nats.rights === undefined ? openRules : guardedRules;
  }

  async #spawn(): Promise<Child> {
    const { config, secrets, instance, revision, index, parts, searchPath } = this.#options;
    const [root = "", door] = [this.#root, this.#door];
    const env = environmentOf({
      ...{ config, secrets, instance, revision, index, root, searchPath },
      runId: this.#mark.runId,
      node: parts.node,
      natsUrl: config.network === false ? `nats://127.0.0.1:${RELAY_PORT}` : (door?.url ?? ""),
      natsUser: door?.user ?? "",
      natsPassword: door?.password ?? "",
    });
    const file = `${root}/${basename(fileOf(config))}`;
    const { launchers = [], cgroup } = this.#confined ?? {};
    const command = [...launchers, file, ...(config.args ?? [])];
    if (cgroup !== undefined) makeProgramCgroup(cgroup, config);
    const child = await startChild({ command, cwd: root, env, mark: this.#mark, cgroup });
    this.#watchFolder(child, root);
    return child;
  }

  #watchFolder(child: Child, root: string): void {
    const { folderMB = DEFAULT_FOLDER_MB } = this.#options.config;
    const why = `its folder holds over ${folderMB} MiB (folderMB)`;
    const onOver = () => {
      this.#fault = { code: "PROGRAM_FOLDER_FULL", why };
      void child.stop(0);
    };
    this.#stopFolderWatch = watchFolder({ root, maxBytes: folderMB * MIB, onOver });
  }

  *#pids(): Iterable<number> {
    if (this.pid !== undefined) yield this.pid;
    yield* findMarked(this.#mark);
  }

  /** Resolves with the reason why the program is not ready. */
  async #untilRegistered(
    ended: Promise<ChildEnd>,
  ): Promise<{ code: ErrorCode; message: string; facts?: EndFacts } | undefined> {
    const { startMs } = this.#options.config.limits;
    const { promise: late, resolve } = Promise.withResolvers<"late">();
    const timer = setTimeout(resolve, startMs, "late");
    const first = await Promise.race([this.#registered.promise, ended, late]);
    clearTimeout(timer);
    if (first === "late") {
      const message = `${this.#options.config.name} did not answer for its service within ${startMs} ms (limits.startMs)`;
      return { code: "PROGRAM_NOT_REGISTERED", message };
    }
    if (!("exitCode" in first)) return undefined;
    const end = first as ChildEnd;
    if (this.#fault !== undefined)
      return { code: this.#fault.code, message: this.#fault.why, facts: factsOf(end) };
    const fault = this.#output.launcherFault(end);
    if (fault !== undefined) return { code: "PROGRAM_NOT_STARTED", message: fault, facts: factsOf(end) };
    return {
      code: "PROGRAM_ENDED",
      message: `it ${describeEnd(end)} before it was ready`,
      facts: factsOf(end),
    };
  }

  /** Gateways hear of it when it registers. */
  #beginService(phases: Record<string, number>): StartOutcome {
    this.#phase = "ready";
    void this.#registered.promise.then(() => this.#phase === "ready" && this.#announceReady(phases));
    return { ok: true, phases };
  }

  #announceReady(phases: Record<string, number>): void {
    const { concurrency, idleSeconds } = this.#options.config.scale;
    const { requests } = this.#door ?? {};
    this.#stopIdleWatch = watchIdle({
      idleMs: idleSeconds * 1_000,
      idleSince: () => requests?.idleSince,
      onIdle: () => this.#options.onIdle(),
    });
    this.#inquiries = this.#answerInquiries();
    this.#announce({ state: "ready", concurrency, phases, isProgram: true });
  }

  /** A gateway whose connection broke asks which of its requests are under way. A program cannot tell which it never got. */
  #answerInquiries(): Subscription {
    const { nats, instance } = this.#options;
    return nats.subscribe(subjects.inquiries(instance), (message) => {
      const inquiry = parseJson(message.text(), InquirySchema);
      const states = inquiry?.requests.map((reply) =>
        this.#door?.requests.has(reply) === true ? "running" : "over",
      );
      if (states !== undefined) message.respond(JSON.stringify({ states }));
    });
  }

  async #onEnded(end: ChildEnd): Promise<void> {
    if (this.#phase !== "ready") return;
    this.#phase = "gone";
    const { code, why } = this.#fault ?? { code: "PROGRAM_ENDED" as const, why: undefined };
    this.#log.say(`${code}: ${why ?? `it ${describeEnd(end)}`}`, undefined);
    await this.#dispose();
    if (this.#options.kind !== "trial") this.#announce({ state: "gone", reason: "crashed", code });
    this.#options.onGone("crashed", code, { ...factsOf(end), ...(why && { why }) });
  }

  async #fail(code: ErrorCode, message: string, facts: EndFacts = {}): Promise<StartOutcome> {
    this.#phase = "gone";
    this.#log.say(`${code}: ${message}`, undefined);
    await this.abandon();
    const said = this.#output.lastLines;
    const stack = said === "" ? {} : { stack: `${message}\n${said}` };
    return closeFailure({ ok: false, code, message, facts, ...stack }, this.#options.config);
  }

  async #dispose(): Promise<void> {
    this.#phase = "gone";
    this.#stopIdleWatch();
    this.#stopFolderWatch();
    this.#inquiries?.unsubscribe();
    this.#door?.close();
    await this.#log.close();
    if (this.#confined?.cgroup !== undefined) leaveCgroup(this.#confined.cgroup);
    if (this.#root !== undefined)
      await rm(this.#root, { recursive: true, force: true }).catch(() => undefined);
  }

  #announce(state: Partial<Announcement>): void {
    const { nats, parts, instance, revision, config } = this.#options;
    const common = { function: config.name, instance, node: parts.node, revision, at: Date.now() };
    nats.publish(subjects.announcement(config.name, instance), JSON.stringify({ ...common, ...state }));
  }
}

/** How long a program may take to end until people are told of it. */
const DEAF_MS = 2_000;
/** How long a program may take to end, where less is left of the grace. */
const MIN_STOP_MS = 1_000;

/** A program that starts for requests alone has to take them. */
const isAlwaysThere = ({ nodes, scale }: FunctionConfig) => nodes !== undefined || scale.min > 0;

/** The name of its file. */
const fileOf = ({ command }: FunctionConfig) => command ?? "program";

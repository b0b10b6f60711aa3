/**
 * The instances of a node, from the moment one is asked for until it is gone.
 *
 *     starting ── started ──▶ ready ── drain, condemned, leaving ──▶ draining ── gone ──▶ not in the table
 *     starting ── start failed ──▶ not in the table
 *
 * I1  An instance is in the table exactly while a part of it may run or be starting.
 * I2  Every end of an instance (by its host, by a crash, by a failed start) is published once.
 */
import { type ErrorCode, type GoneReason, isErrorCode } from "../../contracts/index.ts";
import type { EndFacts, InstanceEvents, StartOutcome } from "../host.ts";
import type { Hosts } from "./hosts.ts";
import type { LocalInstance } from "./local-instance.ts";
import type { RunnableSpec } from "./service-programs.ts";
import { type StartParts, startInstance } from "./start-instance.ts";

export interface Problem {
  function: string;
  revision: string;
  generation: string;
  error: string;
}

export interface InstanceTableOptions extends StartParts {
  node: string;
  graceMs: number;
  closesReplacedSockets: boolean;
  onChange(name: string): void;
  /** An instance was made, and starts. */
  onMade(): void;
  /** Resolves when an instance of a function may drain. Undefined: now. */
  beforeDrain?: ((names: readonly string[]) => Promise<void>) | undefined;
  /** An instance that was ready has died. */
  onCrash(name: string, generation: string): void;
}

/** Failures of a start that say nothing against the function: another node, or a later start, may succeed. */
const NOT_THE_FUNCTION = new Map<string, GoneReason>([
  ["HOST_CRASHED", "crashed"],
  ["NODE_STOPPING", "shutdown"],
  ["INSTANCE_DRAINING", "shutdown"],
  // The node could not read the function: its stores were away, or its disk failed.
  ["NATS_JETSTREAM_UNAVAILABLE", "shutdown"],
  ["NATS_NO_MAJORITY", "shutdown"],
  ["NATS_NO_JETSTREAM", "shutdown"],
  ["INTERNAL", "shutdown"],
] satisfies [ErrorCode, GoneReason][]);

export class InstanceTable implements Pick<InstanceEvents, "onCondemned" | "onLeaving" | "onGone"> {
  readonly #options: InstanceTableOptions;
  readonly #table = new Map<string, LocalInstance>();
  readonly #byFunction = new Map<string, readonly LocalInstance[]>();
  readonly #problems = new Map<string, Problem>();
  /** Instances whose crash was reported before their end. */
  readonly #condemned = new Set<string>();
  /** Callbacks for instances that are waited for. */
  readonly #waiting = new Map<string, () => void>();

  constructor(options: InstanceTableOptions) {
    this.#options = options;
  }

  get(id: string): LocalInstance | undefined {
    return this.#table.get(id);
  }

  all(): LocalInstance[] {
    return [...this.#table.values()];
  }

  of(name: string): readonly LocalInstance[] {
    return this.#byFunction.get(name) ?? [];
  }

  /** Whether an instance is ready for requests. */
  takesRequests(instance: LocalInstance): boolean {
    if (instance.phase !== "ready") return false;
    return this.#hostsOf(instance)?.find(instance.group)?.takesRequests?.(instance.id) ?? true;
  }

  /** The number of all instances. */
  get size(): number {
    return this.#table.size;
  }

  /** The functions whose last start failed. */
  problems(): Problem[] {
    return [...this.#problems.values()];
  }

  /** Forgets the failed start of a function that was removed, or changed. */
  forgive(name: string, generation: string | undefined): void {
    if (this.#problems.get(name)?.generation !== generation) this.#problems.delete(name);
  }

  /**
   * Starts an instance. It is in the table at once. `restarts`: how many deaths and failed starts it follows. Error:
   * MODE_UNSUPPORTED.
   */
  start(
    spec: RunnableSpec,
    generation: string,
    restarts = 0,
  ): { instance: LocalInstance; outcome: Promise<StartOutcome> } {
    const { modes, publisher } = this.#options;
    const instance: LocalInstance = {
      id: modes.instanceId(spec),
      index: this.#freeIndex(spec.name),
      function: spec.name,
      revision: spec.revision,
      generation,
      mode: spec.mode,
      group: modes.groupOf(spec),
      concurrency: spec.scale.concurrency,
      phase: "starting",
    };
    this.#table.set(instance.id, instance);
    this.#byFunction.set(instance.function, [...this.of(instance.function), instance]);
    this.#options.onMade();
    const facts = restarts === 0 ? {} : { error: `Restarting (${restarts})` };
    publisher.status(instance.function, instance.id, "starting", facts);
    publisher.announce({ ...this.#announcementOf(instance), state: "starting" });
    const outcome = startInstance(this.#options, instance, spec).then((result) => {
      if (this.#table.has(instance.id)) this.#onStarted(instance, result);
      return result;
    });
    return { instance, outcome };
  }

  drain(id: string, reason: GoneReason): void {
    const { publisher, graceMs, closesReplacedSockets, onChange, beforeDrain } = this.#options;
    const instance = this.#table.get(id);
    if (instance?.phase !== "ready") return;
    instance.phase = "draining";
    publisher.status(instance.function, id, "stopping");
    const closesSockets = reason === "replaced" && closesReplacedSockets;
    const order = () =>
      this.#hostsOf(instance)?.find(instance.group)?.drain(id, { reason, graceMs, closesSockets });
    const isLast = !this.of(instance.function).some(({ phase }) => phase === "ready");
    if (isLast && beforeDrain !== undefined) void beforeDrain([instance.function]).then(order);
    else order();
    onChange(instance.function);
  }

  /** Drains the ready instances of these functions. Resolves when they are gone, or the grace is over. */
  async drainAll(names: readonly string[], grace: AbortSignal): Promise<void> {
    const ids = names.flatMap((name) => this.of(name).map(({ id }) => id));
    for (const id of ids) this.drain(id, "shutdown");
    const gone = ids.map((id) => {
      const instance = this.#table.get(id);
      return instance?.phase === "draining" ? this.#gone(id) : undefined;
    });
    const over = new Promise((resolve) => grace.addEventListener("abort", resolve, { once: true }));
    if (!grace.aborted) await Promise.race([Promise.all(gone), over]);
  }

  #gone(id: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  onCondemned(id: string): void {
    const instance = this.#table.get(id);
    if (instance === undefined) return;
    this.#condemned.add(id);
    instance.phase = "draining";
    this.#crashed(instance);
    this.#options.onChange(instance.function);
  }

  /** Another instance is to take its place, as requests that it has may take long. */
  onLeaving(id: string): void {
    const instance = this.#table.get(id);
    if (instance === undefined || instance.phase === "draining") return;
    instance.phase = "draining";
    this.#options.publisher.status(instance.function, id, "stopping");
    this.#options.onChange(instance.function);
  }

  onGone(id: string, reason: GoneReason, code?: string, { exitCode, why }: EndFacts = {}): void {
    const instance = this.#table.get(id);
    if (instance === undefined) return;
    const { publisher } = this.#options;
    if (!this.#condemned.delete(id) && reason === "crashed") this.#crashed(instance);
    const status = reason === "crashed" || reason === "failed" ? reason : "stopped";
    const error = why ?? (isErrorCode(code) ? code : undefined);
    publisher.status(instance.function, id, status, {
      ...(exitCode === undefined ? {} : { exit_code: exitCode }),
      ...(error === undefined ? {} : { error }),
    });
    // A host that died could not announce the end.
    if (code === "HOST_CRASHED")
      publisher.announce({ ...this.#announcementOf(instance), state: "gone", reason, code });
    this.#remove(instance);
  }

  #onStarted(instance: LocalInstance, outcome: StartOutcome): void {
    if (!outcome.ok) {
      this.#publishFailure(instance, outcome);
      this.#remove(instance);
      return;
    }
    const { publisher, onChange } = this.#options;
    if (instance.phase === "starting") instance.phase = "ready";
    this.#problems.delete(instance.function);
    const pid = this.#hostsOf(instance)?.find(instance.group)?.pidOf(instance.id);
    publisher.status(instance.function, instance.id, "running", pid === undefined ? {} : { pid });
    onChange(instance.function);
  }

  #publishFailure(instance: LocalInstance, { code, message, facts }: StartOutcome & { ok: false }): void {
    const { publisher } = this.#options;
    const { function: name, revision, generation } = instance;
    const error = `${code}: ${message}`;
    const reason = NOT_THE_FUNCTION.get(code) ?? "failed";
    if (reason === "failed") this.#problems.set(name, { function: name, revision, generation, error });
    const exit = facts?.exitCode === undefined ? {} : { exit_code: facts.exitCode };
    publisher.status(name, instance.id, reason === "crashed" ? "crashed" : "failed", { error, ...exit });
    publisher.announce({ ...this.#announcementOf(instance), state: "gone", reason, code });
  }

  #crashed(instance: LocalInstance): void {
    this.#hostsOf(instance)?.crashed(instance.group);
    this.#options.onCrash(instance.function, instance.generation);
  }

  #freeIndex(name: string): number {
    const taken = new Set(this.of(name).map(({ index }) => index));
    let index = 0;
    while (taken.has(index)) index += 1;
    return index;
  }

  #remove(instance: LocalInstance): void {
    this.#table.delete(instance.id);
    this.#waiting.get(instance.id)?.();
    this.#waiting.delete(instance.id);
    const others = this.of(instance.function).filter((other) => other !== instance);
    if (others.length > 0) this.#byFunction.set(instance.function, others);
    else this.#byFunction.delete(instance.function);
    this.#options.onChange(instance.function);
  }

  #hostsOf({ mode }: LocalInstance): Hosts | undefined {
    return this.#options.modes.find(mode);
  }

  #announcementOf(instance: LocalInstance) {
    return {
      function: instance.function,
      instance: instance.id,
      node: this.#options.node,
      revision: instance.revision,
      at: Date.now(),
    };
  }
}

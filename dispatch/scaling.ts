/**
 * Starts further instances of services whose instances are full, and says which instances get requests. Each gateway does so for
 * itself. There is no leader: gateways that know the same instances ask the same node for the same one.
 *
 * S1  No instance is asked for while `scale.max` are ready or starting, as far as this gateway knows. Gateways that know
 *     different ones may start one too many: it gets no request, as it is beyond the first `scale.max` (order.ts), and ends. So
 *     none asks before it has heard the nodes.
 * S2  An instance that is starting counts as one that runs, whichever gateway asked for it.
 * S3  The node with the fewest instances of the service is asked first, by the ranking among equals: the n-th instance comes
 *     to the n-th node, around. A node that refuses, is silent or loses the start is left out for a while.
 * S4  Nodes are asked one after the other, for one instance at a time.
 * S5  No request costs a look: a look is taken every `LOOK_MS` while requests wait or instances are busy, every `REST_MS` while
 *     there are more instances than the service keeps, and never else.
 */
import { type FunctionSpec, heartbeat, messageOf, OF_ONE_NODE, targetOf } from "../contracts/index.ts";
import type { LiveNodes, Nats } from "../nats/index.ts";
import { askNode, isBroken } from "./ask-node.ts";
import type { Reach } from "./choose.ts";
import { areOverSoon, decideScale, leastOf, newScaleState, type ScaleState } from "./decide-scale.ts";
import { decideOrder } from "./demand.ts";
import type { Instance, Start } from "./instance.ts";
import type { Instances } from "./instances.ts";
import type { Log } from "./log.ts";
import { Starts } from "./starts.ts";

export interface ScalingOptions {
  nats: Nats;
  nodes: Pick<LiveNodes, "live">;
  instances: Pick<Instances, "ready" | "settled" | "add">;
  specOf(service: string): FunctionSpec | undefined;
  /** How many requests wait for the service. */
  waiting(service: string): number;
  log: Log;
}

const LOOK_MS = 50;
const REST_MS = 500;
/** How long the word of an instance about its requests counts. It comes four times a second while it holds. */
const TOLD_MS = 600;
/** How long after its start a gateway has heard every node: each sends a heartbeat a second. */
const ALL_NODES_HEARD_MS = heartbeat.intervalMs * 1.2;
/** The least share of the load from which a gateway's own requests tell how long requests take. */
const OWN_SHARE = 0.5;
/** Upper bound of the time over which the ends of requests are counted. */
const COUNTED_MS = 500;
/** How long a service gets no further instance after no node could start one, and how long such a node is left out. */
const PAUSE_MS = 5_000;

interface Watch {
  readonly service: string;
  state: ScaleState;
  reach: Reach;
  timer: NodeJS.Timeout | undefined;
  /** The next look is due only in `REST_MS`, and comes sooner where requests wait. */
  isCalm: boolean;
  isAsking: boolean;
  /** The requests that had ended at a time of a moment ago. */
  counted: { ended: number; atMs: number };
  /** No instance is asked for before, by `performance.now()`. */
  pausedUntilMs: number;
  /** The nodes that are left out, and until when. */
  readonly avoided: Map<string, number>;
}

export class Scaling {
  readonly #options: ScalingOptions;
  readonly #watches = new Map<string, Watch>();
  readonly #starts: Starts;
  readonly #ending = new AbortController();
  readonly #asksFromMs = performance.now() + ALL_NODES_HEARD_MS;

  constructor(options: ScalingOptions) {
    this.#options = options;
    this.#starts = new Starts(options.instances);
  }

  /** The instances that get requests. Undefined: all do. */
  reachOf(service: string): Reach | undefined {
    return this.#watches.get(service)?.reach;
  }

  /** Requests of a service wait, or one of its instances has more requests than it should have. */
  press(service: string): void {
    const watch = this.#watches.get(service);
    if (watch === undefined) this.#begin(service);
    else if (watch.isCalm) this.#lookAfter(watch, LOOK_MS);
  }

  /** An instance of a service is ready. */
  onReady(service: string): void {
    const spec = this.#scaled(service);
    if (spec !== undefined && this.#live(spec).length > leastOf(spec.scale)) this.press(service);
  }

  /** An instance is starting. */
  onStarting(start: Start): void {
    const max = this.#options.specOf(start.service)?.scale.max ?? 1;
    if (max > 1) void this.#starts.note(start);
  }

  close(): void {
    this.#ending.abort();
    for (const { timer } of this.#watches.values()) clearTimeout(timer);
    this.#watches.clear();
    this.#starts.close();
  }

  /** The spec, where narun may start instances of the service as its load needs them. */
  #scaled(service: string): FunctionSpec | undefined {
    const spec = this.#options.specOf(service);
    return spec?.paused === undefined && spec?.nodes === undefined ? spec : undefined;
  }

  /** The instances of the live revision that are ready. */
  #live({ name, revision }: FunctionSpec): Instance[] {
    return this.#options.instances.ready(name).filter((one) => one.revision === revision);
  }

  #begin(service: string): void {
    const spec = this.#scaled(service);
    if (spec === undefined || this.#ending.signal.aborted) return;
    const least = leastOf(spec.scale);
    const hasOthers = this.#live(spec).length > least;
    if (spec.scale.max <= least && !hasOthers) return;
    const watch: Watch = {
      service,
      state: newScaleState,
      reach: { active: least, most: spec.scale.max },
      timer: undefined,
      isCalm: false,
      isAsking: false,
      counted: { ended: 0, atMs: Number.NEGATIVE_INFINITY },
      pausedUntilMs: 0,
      avoided: new Map(),
    };
    this.#watches.set(service, watch);
    this.#look(watch);
  }

  #look(watch: Watch): void {
    const { service } = watch;
    const spec = this.#scaled(service);
    const ready = spec === undefined ? [] : this.#live(spec);
    // The search for a first instance is another part's (demand.ts).
    if (spec === undefined || ready.length === 0) {
      this.#watches.delete(service);
      return;
    }
    const { scale } = spec;
    const waiting = this.#options.waiting(service);
    const live = ready.length + this.#starts.of(spec).length;
    const nowMs = performance.now();
    const load = ready.reduce((sum, one) => sum + loadOf(one, nowMs), waiting);
    const isWaiting = waiting > 0 || load > ready.length * scale.concurrency;
    const sample = { nowMs, load, isWaiting, live };
    const { state, start } = decideScale(watch.state, sample, scale);
    watch.state = state;
    watch.reach = { active: state.active, most: scale.max };
    const own = ready.reduce((sum, one) => sum + usedOf(one), waiting);
    // The requests of others may be slow ones.
    const isSoon = this.#areOverSoon(watch, ready, own, nowMs) && own >= load * OWN_SHARE;
    if (start > 0 && !isSoon) this.#grow(watch, start);
    const isPressed = load > targetOf(scale.concurrency) * ready.length;
    if (!isPressed && !watch.isAsking && live <= leastOf(scale)) {
      this.#watches.delete(service);
      return;
    }
    this.#lookAfter(watch, isPressed && ready.length < scale.max ? LOOK_MS : REST_MS);
    watch.isCalm = !isPressed;
  }

  #areOverSoon({ counted }: Watch, ready: readonly Instance[], load: number, nowMs: number): boolean {
    const ended = ready.reduce((sum, one) => sum + one.ended, 0);
    const passedMs = nowMs - counted.atMs;
    const isSoon = areOverSoon({ load, ended: ended - counted.ended, passedMs });
    if (passedMs > COUNTED_MS) Object.assign(counted, { ended, atMs: nowMs });
    return isSoon;
  }

  #lookAfter(watch: Watch, waitMs: number): void {
    clearTimeout(watch.timer);
    watch.isCalm = false;
    watch.timer = setTimeout(() => this.#look(watch), waitMs);
  }

  #grow(watch: Watch, count: number): void {
    const nowMs = performance.now();
    if (watch.isAsking || nowMs < watch.pausedUntilMs || nowMs < this.#asksFromMs) return;
    watch.isAsking = true;
    this.#startSome(watch, count)
      .catch((error: unknown) => {
        this.#pause(watch);
        this.#options.log.error({ service: watch.service, error: messageOf(error) }, "no instance was added");
      })
      .finally(() => {
        watch.isAsking = false;
      });
  }

  async #startSome(watch: Watch, count: number): Promise<void> {
    for (let started = 0; started < count; started++) {
      if (await this.#startOne(watch)) continue;
      this.#pause(watch);
      return;
    }
  }

  /** Asks the nodes in turn until one starts an instance. Returns whether one does, or none is wanted any more. */
  async #startOne(watch: Watch): Promise<boolean> {
    const { nats, nodes } = this.#options;
    const spec = this.#scaled(watch.service);
    if (spec === undefined || nats.state !== "connected") return false;
    const known = [...this.#live(spec), ...this.#starts.of(spec)];
    if (known.length >= spec.scale.max) return true;
    const on = Map.groupBy(known, ({ node }) => node);
    const seen = { startingOn: undefined, silent: this.#avoidedBy(watch) };
    const order = decideOrder(spec.name, spec, nodes.live(), seen, (node) => on.get(node)?.length ?? 0);
    for (const { node } of order) {
      const beside = (on.get(node) ?? []).map(({ id }) => id);
      const outcome = await this.#ask(watch, spec, node, beside);
      if (outcome !== "next") return outcome === "started";
      watch.avoided.set(node, performance.now() + PAUSE_MS);
      if (this.#ending.signal.aborted) return false;
    }
    return false;
  }

  async #ask(
    watch: Watch,
    spec: FunctionSpec,
    node: string,
    beside: string[],
  ): Promise<"started" | "next" | "broken"> {
    const { instances, log } = this.#options;
    const { name: service, revision } = spec;
    const reply = await askNode(this.#options, { node, spec, beside, signal: this.#ending.signal });
    if (reply === undefined || reply === "not-permitted") return "next";
    if (reply.outcome === "refused") return isBroken(reply.code) ? "broken" : "next";
    const { instance: id } = reply;
    // A node of an earlier version starts none beside the first.
    if (beside.includes(id)) return "next";
    if (reply.outcome === "running") {
      const { concurrency } = reply;
      instances.add({ id, service, node, revision, concurrency, isProgram: spec.mode === "exec" });
      return "started";
    }
    log.info({ service, node, instance: id }, "another instance starts, as the others are full");
    void this.#follow(watch, { service, id, node, revision });
    return "started";
  }

  async #follow(watch: Watch, start: Start) {
    const result = await this.#starts.note(start);
    if (result === undefined || result === "ready") return;
    watch.avoided.set(start.node, performance.now() + PAUSE_MS);
    // The function itself did not start, although it has before: another node would not help it.
    if (result.reason === "failed" && !OF_ONE_NODE.has(result.code ?? "")) this.#pause(watch);
  }

  #avoidedBy(watch: Watch): ReadonlySet<string> {
    const nowMs = performance.now();
    for (const [node, untilMs] of watch.avoided) if (untilMs < nowMs) watch.avoided.delete(node);
    return new Set(watch.avoided.keys());
  }

  #pause(watch: Watch): void {
    watch.pausedUntilMs = performance.now() + PAUSE_MS;
  }
}

function loadOf(instance: Instance, nowMs: number): number {
  const { told } = instance;
  const used = usedOf(instance);
  return told !== undefined && nowMs - told.atMs < TOLD_MS ? Math.max(used, told.load) : used;
}

function usedOf({ inFlight, taken, concurrency }: Instance): number {
  return Math.min(concurrency, inFlight + taken);
}

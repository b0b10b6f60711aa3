/**
 * Calls of functions straight to instances: dispatch without holds, demands and specs of its own. A request that no instance takes
 * is given back (`onUnplaced`), for a gateway to hold it.
 *
 * I1  Nothing is listened to before the first call to a service, and only the instances of such services are known.
 * I2  An instance in this process comes first, then those of this node, then others. Among equally near ones dispatch
 *     chooses as gateways do (choose.ts).
 * I3  Services are asked for instances that were not heard of, at the first call and where none is known, at most once in
 *     `ASK_MS`; else once in `LOOK_MS`: an instance without a connection for a moment is set aside until it is found again.
 */
import { subjects } from "../contracts/index.ts";
import type { Inquiries, Nats } from "../nats/index.ts";
import type { StreamPresence } from "../streams/index.ts";
import { type Breakers, createBreakers } from "./breakers.ts";
import { chooseInstance } from "./choose.ts";
import { Dispatcher } from "./dispatcher.ts";
import { defaultHoldLimits } from "./hold.ts";
import { createInstanceInquiries } from "./inquiries.ts";
import type { Instance, InstanceFacts } from "./instance.ts";
import { Instances } from "./instances.ts";
import type { Dispatched, DispatchObserver, DispatchRequest, DispatchSpec } from "./job.ts";
import type { Log } from "./log.ts";

/** The instances of this process. */
export interface NearInstances {
  of(service: string): readonly InstanceFacts[];
  /** Whether an instance is here and has room; undefined where it is elsewhere. */
  hasRoom(instance: string, requestId: string | undefined): boolean | undefined;
}

export interface DirectOptions {
  nats: Nats;
  presence: StreamPresence;
  node: string;
  near: NearInstances;
  specOf(service: string): DispatchSpec | undefined;
  log: Log;
}

/** How long a service without known instances is not asked for again. */
const ASK_MS = 1_000;
/** The same where some are known. */
const LOOK_MS = 15_000;

export class Direct {
  readonly #options: DirectOptions;
  readonly #instances: Instances;
  readonly #dispatcher: Dispatcher;
  readonly #inquiries: Inquiries;
  readonly #breakers: Breakers = createBreakers();
  /** When a service was asked for its instances last, by `performance.now()`. */
  readonly #askedAtMs = new Map<string, number>();
  readonly #stopWatchingState: () => void;
  #inquiring: NodeJS.Immediate | undefined;

  constructor(options: DirectOptions) {
    const { nats, presence, specOf, log } = options;
    this.#options = options;
    this.#instances = new Instances({
      ...{ nats, links: undefined, isSelective: true, log },
      onReady: nothing,
      onRoom: nothing,
      onSilent: (instance) => this.#dispatcher.hear("silent", ({ target }) => target === instance),
      onLost: (instance) => this.#dispatcher.hear("gone", ({ target }) => target === instance),
      onNode: nothing,
      onRoutes: nothing,
    });
    this.#dispatcher = new Dispatcher({
      ...{ nats, presence, specOf, log },
      instances: this.#instances,
      choose: (...given) => this.#choose(...given),
      health: this.#breakers,
      subjectOf: ({ service, id }) => subjects.serviceCalls(service, id),
      wake: nothing,
      waitsFor: () => [],
      begun: () => this.#inquiries.begin(),
      inquire: () => this.#inquireSoon(),
      limits: defaultHoldLimits,
      holdMs: 0,
      wires: { of: nothing, now: () => "header", learn: () => false, forget: nothing },
      observer: NO_OBSERVER,
    });
    this.#inquiries = createInstanceInquiries({ nats, dispatcher: this.#dispatcher });
    this.#stopWatchingState = nats.onState((state) => {
      if (state === "connected") this.#onReconnect();
    });
  }

  /** Takes a call. `onUnplaced` of the request is called where no instance takes it. */
  dispatch(request: DispatchRequest): Dispatched {
    this.#know(request.service);
    return this.#dispatcher.dispatch(request);
  }

  /** The request no longer waits for its answer, or for the rest of it. */
  cancel(job: Dispatched): void {
    this.#dispatcher.cancel(job);
  }

  /** An instance of this process takes requests. */
  arrive(facts: InstanceFacts): void {
    if (this.#askedAtMs.has(facts.service)) this.#instances.add(facts);
  }

  /** An instance of this process takes no more requests. */
  leave({ id, service }: InstanceFacts): void {
    const instance = this.#instances.ready(service).find((one) => one.id === id);
    if (instance !== undefined) this.#instances.markDraining(instance);
  }

  /** A node's runner is dead, or is heard again: instances of it that were given up may still run. */
  onNode(node: string, news: "silent" | "replaced" | "appeared"): void {
    if (news !== "appeared") this.#instances.leave(node, news);
    else for (const service of this.#askedAtMs.keys()) this.#askedAtMs.set(service, Number.NEGATIVE_INFINITY);
  }

  /** No function here may call the service any more. */
  forget(service: string): void {
    if (this.#askedAtMs.delete(service)) this.#instances.unfollow(service);
  }

  close(): void {
    this.#stopWatchingState();
    clearImmediate(this.#inquiring);
    this.#dispatcher.abort();
    this.#inquiries.close();
    this.#instances.close();
  }

  #know(service: string): void {
    if (this.#instances.follow(service))
      for (const facts of this.#options.near.of(service)) this.#instances.add(facts);
    const nowMs = performance.now();
    const waitMs = this.#instances.ready(service).length > 0 ? LOOK_MS : ASK_MS;
    if (nowMs - (this.#askedAtMs.get(service) ?? Number.NEGATIVE_INFINITY) < waitMs) return;
    this.#askedAtMs.set(service, nowMs);
    if (this.#options.nats.state === "connected") void this.#instances.discover(service);
  }

  #choose(
    ready: readonly Instance[],
    revision: string | undefined,
    { requestId }: DispatchRequest,
  ): Instance | undefined {
    const { near, node } = this.#options;
    const isLive = ready.some((one) => one.revision === revision);
    const allowed = ready.filter(
      (one) => (!isLive || one.revision === revision) && this.#breakers.allows(one),
    );
    const here = allowed.filter(({ id }) => near.hasRoom(id, requestId) === true);
    // An instance of this process knows better how many requests it has than this side's count.
    const nearest = chooseInstance(here.map(withRoom), undefined)?.instance;
    if (nearest !== undefined) return nearest;
    const others = allowed.filter(({ id }) => near.hasRoom(id, requestId) === undefined);
    const neighbours = others.filter((one) => one.node === node);
    return chooseInstance(neighbours, undefined) ?? chooseInstance(others, undefined);
  }

  /** A broken connection is reported for each of its requests. All are asked for together. */
  #inquireSoon(): void {
    this.#inquiring ??= setImmediate(() => {
      this.#inquiring = undefined;
      this.#inquiries.askNow();
    });
  }

  #onReconnect(): void {
    for (const service of this.#askedAtMs.keys()) void this.#instances.discover(service);
    this.#dispatcher.onReconnect();
    this.#inquiries.onReconnect();
  }
}

const nothing = () => undefined;
const NO_OBSERVER: DispatchObserver = {
  replied: nothing,
  held: nothing,
  coldStart: nothing,
  resent: nothing,
};

function withRoom(instance: Instance) {
  const { revision, inFlight, concurrency } = instance;
  return { instance, revision, inFlight, concurrency: Math.max(concurrency, inFlight + 1) };
}

/**
 * Dispatch put together: specs, nodes, instances and demand, which know the state of the system, and the dispatcher, which
 * decides. Doors bring requests to it, and so can a queue or a schedule.
 *
 * I1  Its parts call one another. No part calls back before all parts are made.
 */
import { type FunctionSpec, type Wire, wireOf } from "../contracts/index.ts";
import { createHostLinks, type HostLinks } from "../local/index.ts";
import { followNodes, type Inquiries, type LiveNodes, type Nats } from "../nats/index.ts";
import { createStreamPresence, type StreamPresence } from "../streams/index.ts";
import { chooseInstance } from "./choose.ts";
import { type Consumers, createConsumers } from "./consumers.ts";
import { createDemand, type Demand } from "./demand.ts";
import { Dispatcher } from "./dispatcher.ts";
import { defaultHoldLimits, type HoldLimits } from "./hold.ts";
import { createInstanceInquiries } from "./inquiries.ts";
import { Instances } from "./instances.ts";
import type { DispatchObserver } from "./job.ts";
import type { Log } from "./log.ts";
import { Scaling } from "./scaling.ts";
import { SpecFeed } from "./spec-feed.ts";
import { createSpecs, type Specs } from "./specs.ts";
import { Wires } from "./wires.ts";

export interface DispatchOptions {
  /** Stays its owner's: dispatch never closes it. */
  nats: Nats;
  /** Bounds of the held requests. `holdMs`: how long a request is held (default 15,000). */
  hold?: Partial<HoldLimits> & { holdMs?: number };
  /** Whether requests go by the sockets of hosts on the same machine. Default `auto`: where they can. */
  shortPath?: ShortPath;
  /** The wires that the configuration names, by service. Default: none. */
  wires?: ReadonlyMap<string, Wire>;
  /** The specs, where another part of the process follows them: it calls back after each change. Default: they are followed here. */
  specs?: (onChange: (name: string) => void) => Specs;
  observer: DispatchObserver;
  /** Called after each change of the specs, and of the consumers' routes. */
  onSpecs(): void;
  log: Log;
}

/** `auto`: by the socket of a host where it can be opened, else over NATS. `off`: over NATS. */
export type ShortPath = "auto" | "off";

const DEFAULT_HOLD_MS = 15_000;

export class Dispatch {
  readonly dispatcher: Dispatcher;
  readonly specs: Specs;
  /** The changes of specs, where they are followed here. */
  readonly feed = new SpecFeed();
  /** The consumers that are not deployed. */
  readonly consumers: Consumers;
  readonly limits: HoldLimits;
  /** Tells other processes that this one still takes part in its streams. */
  readonly presence: StreamPresence;
  readonly #nodes: LiveNodes;
  readonly #instances: Instances;
  readonly #demand: Demand;
  readonly #scaling: Scaling;
  readonly #inquiries: Inquiries;
  readonly #links: HostLinks | undefined;
  readonly #following = new AbortController();
  #inquiring: NodeJS.Immediate | undefined;
  readonly #stopWatchingState: () => void;

  constructor(options: DispatchOptions) {
    const { nats, hold = {}, shortPath = "auto", observer, onSpecs, log } = options;
    const { holdMs = DEFAULT_HOLD_MS, ...limits } = hold;
    this.limits = { ...defaultHoldLimits, ...limits };
    const onChange = (name: string) => {
      onSpecs();
      this.#demand.look(name);
      this.dispatcher.onNews(name);
    };
    this.specs = options.specs?.(onChange) ?? createSpecs({ nats, log, onChange, feed: this.feed });
    this.consumers = createConsumers(onSpecs);
    this.#nodes = followNodes({
      nats,
      onAppeared: () => this.#lookAgain(),
      onLost: (node, why) => {
        log.info({ node, why }, "a node-runner is lost");
        this.#instances.leave(node, why);
      },
    });
    this.presence = createStreamPresence(nats);
    this.#links = shortPath === "off" ? undefined : openLinks(nats, this.presence, log);
    this.#instances = this.#knowInstances(nats, log);
    this.#demand = createDemand({
      nats,
      nodes: this.#nodes,
      instances: this.#instances,
      specOf: (service) => this.specs.startable(service),
      isStarving: (service) => this.dispatcher.isStarving(service),
      onForeign: (service) => this.dispatcher.onForeign(service),
      onBroken: (service, code) => this.dispatcher.onBroken(service, code),
      log,
    });
    this.#scaling = new Scaling({
      ...{ nats, nodes: this.#nodes, instances: this.#instances, specOf: this.specOf, log },
      waiting: (service) => this.dispatcher.waiting(service),
    });
    const wires = new Wires({
      nats,
      configured: (service) => options.wires?.get(service) ?? wireOf(this.specOf(service)),
      onKnown: (service) => this.dispatcher.onNews(service),
      log,
    });
    this.dispatcher = new Dispatcher({
      nats,
      wires,
      presence: this.presence,
      instances: this.#instances,
      specOf: this.specOf,
      choose: (ready, revision, { service }) =>
        chooseInstance(ready, revision, ready.length > 1 ? this.#scaling.reachOf(service) : undefined),
      wake: (service) =>
        this.dispatcher.isStarving(service) ? this.#demand.wake(service) : this.#scaling.press(service),
      onBusy: (service) => this.#scaling.press(service),
      waitsFor: this.#demand.waitsFor,
      begun: () => this.#inquiries.begin(),
      inquire: () => this.#inquireSoon(),
      limits: this.limits,
      holdMs,
      observer,
      log,
    });
    this.#inquiries = createInstanceInquiries({ nats, dispatcher: this.dispatcher });
    this.#stopWatchingState = nats.onState((state) => {
      if (state === "connected") this.#onReconnect();
    });
  }

  readonly specOf = (service: string): FunctionSpec | undefined => this.specs.get(service);

  /** The instances of a service on a node that take requests, as far as this process knows. */
  readyOn(node: string, service: string): string[] {
    return this.#instances.ready(service).flatMap((one) => (one.node === node ? [one.id] : []));
  }

  /** Begins to follow the specs, and asks which instances there are. Resolves when all specs were read. */
  async start(): Promise<void> {
    await this.specs.watch(this.#following.signal);
    void this.#instances.discover();
  }

  /** The functions whose live revision has no ready instance, while another revision has one. */
  outdated(): string[] {
    return [...this.specs.all()].flatMap(({ name, revision }) => {
      const ready = this.#instances.ready(name);
      return ready.length > 0 && !ready.some((one) => one.revision === revision) ? [name] : [];
    });
  }

  /** Whether requests to a service can be answered now, or after a start: something runs it, or can run it. */
  canServe(service: string): boolean {
    const mode = this.specOf(service)?.mode;
    if (mode === undefined || this.#instances.ready(service).length > 0) return true;
    return this.#nodes.live().some(({ state, modes }) => state === "running" && modes.includes(mode));
  }

  close(): void {
    this.#following.abort();
    this.#stopWatchingState();
    clearImmediate(this.#inquiring);
    this.#inquiries.close();
    this.presence.close();
    this.#demand.close();
    this.#scaling.close();
    this.#instances.close();
    this.consumers.close();
    this.#links?.close();
    this.#nodes.close();
  }

  #knowInstances(nats: Nats, log: Log): Instances {
    return new Instances({
      ...{ nats, links: this.#links, log },
      onNode: (node) => this.#nodes.expect(node),
      onReady: (...ready) => this.#onReady(...ready),
      onLoad: ({ service }) => this.#scaling.press(service),
      onStarting: (start) => this.#scaling.onStarting(start),
      onRoom: ({ service }) => this.dispatcher.onNews(service),
      onSilent: (instance) => this.dispatcher.hear("silent", ({ target }) => target === instance),
      onLost: (instance) => {
        this.consumers.remove(instance.service, instance.id);
        this.dispatcher.hear("gone", ({ target }) => target === instance);
      },
      onRoutes: ({ service, id }, routes) => this.consumers.add(service, id, routes),
    });
  }

  #onReady(...[instance, announcement]: Parameters<Dispatcher["onReady"]>): void {
    this.dispatcher.onReady(instance, announcement);
    this.#demand.onReady(instance.service);
    this.#scaling.onReady(instance.service);
  }

  /** A broken connection to a host is reported for each of its requests. All are asked for together. */
  #inquireSoon(): void {
    this.#inquiring ??= setImmediate(() => {
      this.#inquiring = undefined;
      this.#inquiries.askNow();
    });
  }

  /** Instances of a node that was away for a while were given up, and may still run. */
  #lookAgain(): void {
    void this.#instances.discover();
    this.#demand.look();
  }

  #onReconnect(): void {
    void this.#instances.discover();
    this.dispatcher.onReconnect();
    this.#inquiries.onReconnect();
    this.#demand.look();
  }
}

function openLinks(nats: Nats, { peer }: StreamPresence, log: Log): HostLinks {
  return createHostLinks({
    world: nats.world.id,
    prefix: nats.replyPrefix,
    peer,
    warn: (fields, message) => log.warn(fields, message),
  });
}

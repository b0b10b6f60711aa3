/**
 * The instances that this gateway knows: from their announcements, from `$SRV.PING`, from nodes' answers to demands.
 *
 * I1  An instance that was announced draining or gone is never ready again, in spite of late answers (departures.ts).
 * I2  An instance that NATS had no subscriber for is set aside. Its own announcement makes it ready again at once, another
 *     sign of life not before `SET_ASIDE_MS`: its node may answer for it while its connection is still on the way back.
 * I3  An instance whose node-runner is dead is set aside, and lost when its host is gone, too (orphans.ts). When the node
 *     comes back, `$SRV.PING` finds the instances that still run there.
 * I4  `onLost` is called once for an instance that was known, when it is gone.
 */
import {
  type Announcement,
  AnnouncementSchema,
  messageOf,
  parseJson,
  type ReadyAnnouncement,
  type Route,
  type SocketAddress,
  subjects,
} from "../contracts/index.ts";
import type { HostLinks } from "../local/index.ts";
import { discoverServices, type Message, type Nats, type Subscription } from "../nats/index.ts";
import { type Departure, Departures, type StartResult } from "./departures.ts";
import {
  createInstance,
  type Instance,
  type InstanceFacts,
  type InstanceSocket,
  instanceFactsOf,
  type Start,
} from "./instance.ts";
import type { Log } from "./log.ts";
import { inOrder } from "./order.ts";
import { createOrphans, type Orphans } from "./orphans.ts";
import { Rooms } from "./room.ts";

export interface InstancesOptions {
  nats: Nats;
  /** The connections to hosts of this machine. Undefined: all instances are reached over NATS. */
  links: HostLinks | undefined;
  /** Only the services are known that are followed. Default: all are. */
  isSelective?: boolean;
  log: Log;
  /** An instance can take requests. `announcement`: it said so itself, just now. */
  onReady(instance: Instance, announcement: ReadyAnnouncement | undefined): void;
  /** Default: nothing hears of it. */
  onStarting?(start: Start): void;
  /** It tells of its requests: it has more than it should have. Default: nothing hears of it. */
  onLoad?(instance: Instance): void;
  /** It may have places again. */
  onRoom(instance: Instance): void;
  /** Its node is silent. */
  onSilent(instance: Instance): void;
  onLost(instance: Instance): void;
  /** An instance runs on this node. */
  onNode(node: string): void;
  /** A consumer that is not deployed is ready, with these routes. */
  onRoutes(instance: Instance, routes: readonly Route[]): void;
}

const NONE: readonly Instance[] = [];

/** How long an instance without a subscriber is set aside (I2). */
const SET_ASIDE_MS = 100;

export class Instances {
  readonly #options: InstancesOptions;
  readonly #byId = new Map<string, Instance>();
  readonly #readyByService = new Map<string, readonly Instance[]>();
  readonly #rooms: Rooms;
  readonly #departures = new Departures();
  readonly #orphans: Orphans;
  readonly #subscription: Subscription | undefined;
  readonly #followed = new Map<string, Subscription>();

  constructor(options: InstancesOptions) {
    this.#options = options;
    this.#rooms = new Rooms((instance) => options.onRoom(instance));
    this.#orphans = createOrphans(options.nats, (id) => this.#lose(id));
    if (options.isSelective !== true) this.#subscription = this.#listen(subjects.announcementsAll);
  }

  /** Listens to the instances of one service from now on, where not all are known. Returns whether it did not before. */
  follow(service: string): boolean {
    if (this.#followed.has(service)) return false;
    this.#followed.set(service, this.#listen(subjects.announcement(service, "*")));
    return true;
  }

  /** The counterpart of `follow`. Its instances are not known any more, and answer their open requests. */
  unfollow(service: string): void {
    this.#followed.get(service)?.unsubscribe();
    this.#followed.delete(service);
    for (const instance of [...this.#byId.values()]) {
      if (instance.service !== service) continue;
      this.#byId.delete(instance.id);
      this.#rooms.forget(instance);
      this.#setState(instance, "draining");
    }
  }

  /** The instances of a service that are ready, in their order (order.ts). The array is never changed, only replaced. */
  ready(service: string): readonly Instance[] {
    return this.#readyByService.get(service) ?? NONE;
  }

  add(facts: InstanceFacts): void {
    this.#markReady(facts, true);
  }

  /** NATS has no subscriber for it: it is set aside. */
  markUnreachable(instance: Instance): void {
    if (instance.state !== "ready") return;
    instance.setAsideAtMs = performance.now();
    this.#setState(instance, "unreachable");
  }

  /** It had no place for a request. */
  markFull(instance: Instance): void {
    if (this.#byId.get(instance.id) === instance) this.#rooms.full(instance);
  }

  /** It said that it drains. */
  markDraining(instance: Instance): void {
    this.#setState(instance, "draining");
  }

  /** A node's runner is dead. Its instances get no new requests, and may still answer their open ones. */
  leave(node: string, why: "silent" | "replaced"): void {
    for (const instance of [...this.#byId.values()]) {
      if (instance.node !== node) continue;
      this.markUnreachable(instance);
      instance.isOrphan = why === "replaced";
      this.#orphans.add(instance.id);
      if (why === "silent") this.#options.onSilent(instance);
    }
  }

  /** The end of an instance's start; undefined where `signal` was aborted before. */
  settled(id: string, service: string, signal: AbortSignal): Promise<StartResult | undefined> {
    const isReady = this.ready(service).some((instance) => instance.id === id);
    return this.#departures.settled(id, isReady, signal);
  }

  /**
   * Asks by `$SRV.PING` which instances there are: of one service, or of all. Returns whether consumers that narun did not
   * start answered, too.
   */
  async discover(service?: string): Promise<{ foreign: boolean }> {
    const { nats, log } = this.#options;
    let foreign = false;
    try {
      const found = await discoverServices(nats, service === undefined ? {} : pingOptions(service));
      for (const one of found) {
        const facts = instanceFactsOf(one);
        if (facts !== undefined) this.#markReady(facts, false);
        else if (one.name === service) foreign = true;
      }
    } catch (error) {
      // NATS is away. The question is asked again after the reconnect.
      log.debug({ service, error: messageOf(error) }, "the services cannot be asked");
    }
    return { foreign };
  }

  close(): void {
    this.#orphans.close();
    this.#rooms.close();
    this.#subscription?.unsubscribe();
    for (const subscription of this.#followed.values()) subscription.unsubscribe();
  }

  #listen(subject: string): Subscription {
    return this.#options.nats.subscribe(subject, (message) => this.#read(message));
  }

  #read(message: Message): void {
    const announcement = parseJson(message.text(), AnnouncementSchema);
    if (announcement !== undefined) this.#hear(announcement);
    else
      this.#options.log.warn({ subject: message.subject }, "an announcement of an instance cannot be read");
  }

  #hear(announcement: Announcement): void {
    const { function: service, instance: id, node, revision } = announcement;
    switch (announcement.state) {
      case "starting":
        this.#options.onStarting?.({ service, id, node, revision });
        break;
      case "ready": {
        const { concurrency, socket, routes, isProgram, room, load } = announcement;
        const known = this.#byId.get(id);
        const facts = { id, service, node, revision, concurrency, socket, routes, isProgram };
        if (room !== undefined && known?.state === "ready") this.#rooms.told(known, room);
        else if (load !== undefined && known?.state === "ready") {
          known.told = { load, atMs: performance.now() };
          this.#options.onLoad?.(known);
        } else this.#markReady(facts, true, announcement);
        break;
      }
      case "draining":
        this.#drain({ id, service, node, revision, concurrency: 1 });
        break;
      case "gone":
        this.#depart(id, { reason: announcement.reason, code: announcement.code });
        break;
    }
  }

  /** `isVouched`: by the instance itself, or its runner, just now. `$SRV.PING` is answered by instances that drain, too. */
  #markReady(facts: InstanceFacts, isVouched: boolean, announcement?: ReadyAnnouncement): void {
    if (this.#departures.has(facts.id)) return;
    const known = this.#byId.get(facts.id);
    // A node's answer to a demand names no socket. The instance's own answer to the first PING may come behind it.
    if (known?.state === "ready") this.#connect(known, facts.socket, facts.near);
    if (known?.state === "draining" || known?.state === "ready") return;
    if (known?.isOrphan === true && !isVouched) return;
    if (known !== undefined && announcement === undefined) {
      const waitMs = known.setAsideAtMs + SET_ASIDE_MS - performance.now();
      if (waitMs > 0) {
        setTimeout(() => this.#markReady(facts, isVouched), waitMs);
        return;
      }
    }
    const instance = known ?? createInstance(facts);
    this.#connect(instance, facts.socket, facts.near);
    this.#byId.set(instance.id, instance);
    instance.isOrphan = false;
    this.#setState(instance, "ready");
    this.#orphans.remove(instance.id);
    this.#options.onNode(instance.node);
    this.#departures.arrive(instance.id);
    if (facts.routes !== undefined) this.#options.onRoutes(instance, facts.routes);
    this.#options.onReady(instance, announcement);
  }

  /** A gateway on another machine cannot open the socket, and uses NATS. */
  #connect(instance: Instance, address: SocketAddress | undefined, near: InstanceSocket | undefined): void {
    const { links } = this.#options;
    if (near !== undefined) instance.socket = near;
    if (links === undefined || address === undefined || instance.socket !== undefined) return;
    instance.socket = { address, number: address.number, link: links.hold(address) };
  }

  /**
   * An instance that is not known yet is noted as draining: a PING that crossed the announcement must not find it ready.
   */
  #drain(facts: InstanceFacts): void {
    const known = this.#byId.get(facts.id);
    if (known !== undefined) this.#setState(known, "draining");
    else this.#byId.set(facts.id, { ...createInstance(facts), state: "draining" });
  }

  #depart(id: string, departure: Departure): void {
    this.#departures.add(id, departure);
    this.#lose(id);
  }

  #lose(id: string): void {
    const instance = this.#byId.get(id);
    if (instance === undefined) return;
    this.#byId.delete(id);
    this.#rooms.forget(instance);
    this.#orphans.remove(id);
    this.#setState(instance, "draining");
    this.#options.onLost(instance);
    const address = instance.socket?.address;
    if (address !== undefined) this.#options.links?.drop(address);
  }

  #setState(instance: Instance, state: Instance["state"]): void {
    instance.state = state;
    const others = this.ready(instance.service).filter((other) => other !== instance);
    const ready = state === "ready" ? [...others, instance] : others;
    if (ready.length === 0) this.#readyByService.delete(instance.service);
    else this.#readyByService.set(instance.service, inOrder(instance.service, ready));
  }
}

/** The instances of one service are few and near: held requests wait no longer than necessary. */
function pingOptions(name: string) {
  return { name, maxWaitMs: 250, quietMs: 5 };
}

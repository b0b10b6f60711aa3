/**
 * One instance of a function, in any mode: its code in a sandbox, behind a NATS Micro service.
 *
 * I1  Every request that is taken gets exactly one answer (open-requests.ts).
 * I2  `ready` is announced after the code was started, unless the instance broke a limit meanwhile. It leaves behind the
 *     subscriptions on the same connection: they are live on the server before it arrives anywhere. A server that refuses them
 *     says so later. The start has failed then, and its runner announces that the instance is gone.
 * I3  A draining instance finishes all requests that the server has sent to it. A condemned instance (it broke a limit)
 *     refuses the requests that still come with INSTANCE_DRAINING: that proves to the sender that they were not started. So
 *     does the socket of the host for an instance of either kind.
 * I4  After `gone` nothing of the instance is left: no subscription, no timer, no sandbox.
 */
import {
  type Announcement,
  type ErrorCode,
  type FunctionConfig,
  type GoneReason,
  readRequestHead,
  requestIdOf,
  type ServiceDescription,
  type SocketAddress,
  subjects,
  targetOf,
  warnOfDrain,
} from "../../contracts/index.ts";
import type { LocalRequest, TakeRequest } from "../../local/index.ts";
import { failMessage, type Ledger, type Message, type Nats, type RequestCounter } from "../../nats/index.ts";
import type { Peers } from "../../streams/index.ts";
import type { NearDoors } from "../calls/near-instances.ts";
import type { DrainOrder, RequestWay } from "../host.ts";
import type { FunctionLog } from "./function-logs.ts";
import { watchIdle } from "./idle-watch.ts";
import type { IncomingCall } from "./incoming-call.ts";
import { type ConsumerIdentity, registerInstance } from "./instance-service.ts";
import type { InstanceTraces } from "./instance-traces.ts";
import { LoadTeller } from "./load-teller.ts";
import { openLocalCall } from "./local-call.ts";
import { NatsCalls } from "./nats-call.ts";
import { OpenRequests } from "./open-requests.ts";
import type { RequestCounts } from "./request-counts.ts";
import { Room } from "./room.ts";
import type { CreateSandbox, Sandbox, SandboxOwner } from "./sandbox.ts";

export interface InstanceOptions {
  nats: Nats;
  node: string;
  peers: Peers;
  /** Notes the requests that gateways send to this instance. */
  ledger: Ledger;
  traces: InstanceTraces;
  instance: string;
  revision: string;
  config: FunctionConfig;
  /** Its code is a service: the actions that are its endpoints. */
  interface?: ServiceDescription | undefined;
  /** The instance's place at the socket of its host. Undefined: it is reached over NATS only. */
  place?: SocketPlace | undefined;
  /** The instances of its process, for calls between them. Default: nothing here calls it. */
  near?: NearDoors | undefined;
  /** Counts its requests. Default: they are not counted. */
  counts?: RequestCounts | undefined;
  /** It is a consumer that is not deployed. Undefined: an instance of a function. */
  consumer?: ConsumerIdentity | undefined;
  /** Whether other instances of the process are starting. Default: it has none. */
  areStarting?(): boolean;
  /** No request came for `scale.idleSeconds`. */
  onIdle(): void;
  /** It is nearly full: another instance should take its place before a request pays for that. */
  onFull(): void;
  /** It broke a limit: it takes nothing new. */
  onCondemned(): void;
  onGone(reason: GoneReason, code?: ErrorCode): void;
}

/** Where gateways of the same machine reach an instance (local/). */
export interface SocketPlace {
  readonly address: SocketAddress;
  /** Requests go to `take` from now on; returns the function that ends that. */
  register(take: TakeRequest): () => void;
  /** Resolves when the answers that wait have left, or a gateway does not read them. */
  answersLeft(): Promise<void>;
}

type Phase = "starting" | "ready" | "draining" | "condemned" | "gone";

/** How long the other requests of a condemned instance may go on. */
const CONDEMNED_GRACE_MS = 5_000;
/** How long the `onStop` of a service may take: as long as the grace has left, between these bounds. */
const MIN_STOP_MS = 500;
const MAX_STOP_MS = 10_000;

export class Instance implements SandboxOwner {
  readonly log: FunctionLog;
  readonly requests: OpenRequests;
  readonly sandbox: Sandbox;
  readonly #options: InstanceOptions;
  readonly #room: Room;
  readonly #load: LoadTeller;
  /** The code with which all open requests were failed; logged once. */
  #failedAllWith: ErrorCode | undefined;
  #phase: Phase = "starting";
  #service: ReturnType<typeof registerInstance> | undefined;
  #stopIdleWatch: () => void = () => undefined;
  #leavePlace: () => void = () => undefined;
  #leaveNear: () => void = () => undefined;
  #ending: Promise<void> = Promise.resolve();

  constructor(options: InstanceOptions, log: FunctionLog, createSandbox: CreateSandbox) {
    const { config, traces, counts } = options;
    this.#options = options;
    this.log = log;
    this.sandbox = createSandbox(this);
    this.requests = new OpenRequests({
      config,
      log,
      sandbox: this.sandbox,
      traces,
      counts,
      onFreed: () => this.#room.freed(),
    });
    const { concurrency, max } = config.scale;
    this.#room = new Room({
      ...{ concurrency, requests: this.requests },
      announce: (room) => this.#announceReady({}, { room }),
    });
    this.#load = new LoadTeller({
      // Nothing starts another one beside it otherwise.
      target: options.consumer === undefined && max > 1 ? targetOf(concurrency) : Number.POSITIVE_INFINITY,
      count: () => this.requests.countPlaces(),
      announce: (load) => this.#announceReady({}, { load }),
    });
  }

  /** Registers the service. `confirm` tells whether the server took its subscriptions. */
  open(): void {
    if (this.#phase !== "starting") return;
    const { nats, peers, ledger, node, instance, revision, config, place, consumer } = this.#options;
    const { interface: description } = this.#options;
    const about = { nats, ledger, node, instance, revision, config, consumer };
    const calls = new NatsCalls({ nats, peers, instance, config, isProgram: consumer?.isProgram === true });
    this.#service = registerInstance(
      { ...about, interface: description, socket: place?.address },
      {
        refuses: (...request) => this.#refuses(...request),
        turnsAway: (...request) => this.#turnsAway(...request),
        take: (way, message, done) => {
          const call = calls.open(message, done);
          if (call !== undefined) this.#take(call, way);
        },
        control: (token, message) => calls.control(token, message),
        stats: () => ({
          state: this.#phase === "ready" ? "ready" : "draining",
          inFlight: this.requests.size,
        }),
      },
    );
    this.#phase = "ready";
    const { counter, callCounter } = this.#service;
    const take = (request: LocalRequest, of: RequestCounter, way: RequestWay) => {
      const call = openLocalCall(request, { nats, ledger, counter: of });
      if (call !== undefined) this.#take(call, way);
    };
    if (place !== undefined)
      this.#leavePlace = place.register((request) => {
        const hasRoom = this.#room.takesRequest(() => readRequestHead(request.head)?.requestId);
        if (hasRoom) take(request, counter, "gateway");
        else request.fail("INSTANCE_FULL");
      });
    const { concurrency } = config.scale;
    const facts = { id: instance, service: config.name, node, revision, concurrency };
    if (this.#options.near !== undefined)
      this.#leaveNear = this.#options.near.enter(facts, {
        hasRoom: (requestId) => this.#room.takesCall(requestId),
        take: (request) => take(request, callCounter, "call"),
      });
  }

  #take(call: IncomingCall, way: RequestWay): void {
    this.requests.take(call, way);
    this.#load.taken(this.requests.size);
  }

  /** Resolves when the subscriptions are live on the server. */
  async confirm(): Promise<void> {
    if (this.#service !== undefined) await this.#options.nats.confirm(this.#service.subscriptions);
  }

  /** Announces the instance, and reports from now on when it is idle (I2). */
  announceReady(phases: Record<string, number>): void {
    if (this.#phase !== "ready") return;
    const { idleSeconds } = this.#options.config.scale;
    this.#stopIdleWatch = watchIdle({
      idleMs: idleSeconds * 1_000,
      idleSince: () => this.requests.idleSince,
      areStarting: () => this.#options.areStarting?.() === true,
      onIdle: () => this.#options.onIdle(),
    });
    this.#announceReady(phases);
  }

  /** `word`: it has been ready, and tells gateways of its places, or of its requests. */
  #announceReady(phases: Record<string, number>, word: { room?: number; load?: number } = {}): void {
    if (this.#phase !== "ready") return;
    const socket = this.#options.place?.address;
    const { routes, scale } = this.#options.config;
    this.#announce({
      ...{ state: "ready", concurrency: scale.concurrency, phases },
      ...word,
      ...(socket === undefined ? {} : { socket }),
      ...(this.#options.consumer === undefined ? {} : { routes }),
    });
  }

  /** Takes nothing new, finishes the requests that it took within the grace, ends. Resolves when the instance is gone. */
  drain({ reason, graceMs, closesSockets }: DrainOrder): Promise<void> {
    if (this.#phase === "ready") {
      this.#phase = "draining";
      this.#leavePlaces();
      this.#announce({ state: "draining" });
      this.#ending = this.#end(reason, graceMs);
      if (closesSockets) this.requests.failAll("CONSUMER_DIED", "sockets");
    }
    // A second drain joins the first.
    return this.#ending;
  }

  condemn(code: ErrorCode, id: number | undefined, why: string | undefined): void {
    if (this.#phase === "gone") return;
    // Several entries may end by one broken limit: a code of all requests is logged once.
    if (why !== undefined && (id !== undefined || this.#failedAllWith !== code)) {
      this.log.say(`${code}: ${why}`, this.requests.requestIdOf(id));
    }
    if (id === undefined) this.#failedAllWith = code;
    if (id === undefined) this.requests.failAll(code);
    else this.requests.fail(id, code);
    if (this.#phase === "condemned") return;
    const isEnding = this.#phase === "draining";
    this.#phase = "condemned";
    this.#leavePlaces();
    if (isEnding) return;
    this.#announce({ state: "draining" });
    this.#options.onCondemned();
    this.#ending = this.#end("crashed", CONDEMNED_GRACE_MS, code);
  }

  replace(why: string): void {
    if (this.#phase !== "ready") return;
    this.log.write("warn", why, undefined);
    this.#options.onFull();
  }

  /** Ends an instance whose start failed. Requests that came by the socket meanwhile fail with it. Resolves when its log has left. */
  abandon(): Promise<void> {
    this.#stopIdleWatch();
    this.requests.failAll("CONSUMER_DIED");
    return this.#dispose();
  }

  #refuses(message: Message, done: (error?: string) => void, isStranger = false): boolean {
    const isOver = isStranger || this.#phase === "condemned" || this.#phase === "gone";
    if (!isOver && message.isReadable) return false;
    failMessage(message, this.#options.config, { code: isOver ? "INSTANCE_DRAINING" : "BAD_REQUEST" });
    done(isOver ? undefined : "BAD_REQUEST");
    return true;
  }

  /** Functions send their calls elsewhere where there is no room, and gateways hold their requests. */
  #turnsAway(way: RequestWay, message: Message, done: (error?: string) => void): boolean {
    const { config } = this.#options;
    const requestId = () => requestIdOf(message.headers);
    const hasRoom = way === "call" ? this.#room.takesCall(requestId()) : this.#room.takesRequest(requestId);
    if (hasRoom) return false;
    failMessage(message, config, { code: "INSTANCE_FULL" });
    done();
    return true;
  }

  #leavePlaces(): void {
    this.#leavePlace();
    this.#leaveNear();
  }

  async #end(reason: GoneReason, graceMs: number, code?: ErrorCode): Promise<void> {
    const beganAt = performance.now();
    this.#stopIdleWatch();
    // A connection that is down cannot drain; the requests that came before are answered all the same.
    await this.#service?.drain().catch(() => undefined);
    const callOff = warnOfDrain(graceMs, (whom) => this.requests.warn(whom));
    await this.sandbox.settle();
    await this.requests.empty(graceMs);
    callOff();
    this.requests.failAll("CONSUMER_DIED");
    if (code === undefined) await this.#stopService(graceMs - (performance.now() - beganAt));
    await this.#dispose();
    // Its answers on the socket come first: gateways give up a request without an answer when its instance is gone.
    await this.#options.place?.answersLeft();
    this.#announce({ state: "gone", reason, ...(code === undefined ? {} : { code }) });
    this.#options.onGone(reason, code);
  }

  /** A service hears of its end. */
  async #stopService(leftMs: number): Promise<void> {
    if (this.#options.interface === undefined || this.sandbox.stop === undefined) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.min(MAX_STOP_MS, Math.max(MIN_STOP_MS, leftMs)));
    await Promise.race([this.sandbox.stop(), late]);
    clearTimeout(timer);
  }

  /** Resolves when its log has left. */
  #dispose(): Promise<void> {
    this.#phase = "gone";
    this.#leavePlaces();
    this.#room.close();
    this.#load.close();
    this.#service?.close();
    this.sandbox.dispose();
    return this.log.close();
  }

  #announce(state: Partial<Announcement>): void {
    const { nats, node, instance, revision, config } = this.#options;
    const announcement = { function: config.name, instance, node, revision, at: Date.now(), ...state };
    nats.publish(subjects.announcement(config.name, instance), JSON.stringify(announcement));
  }
}

import {
  type Announcement,
  createHeaders,
  type Demand,
  type DemandReply,
  DemandSchema,
  endpointNames,
  formatSocketAddress,
  type GoneReason,
  type Heartbeat,
  headerNames,
  heartbeat,
  type InstanceMetadata,
  type SocketAddress,
  subjects,
} from "../../contracts/index.ts";
import {
  connectNats,
  Ledger,
  type Message,
  type MicroEndpoint,
  type MicroService,
  type Nats,
  registerMicroService,
  type Subscription,
} from "../../nats/index.ts";

import { openPeerSocket, type PeerSocket } from "./peer-socket.ts";

/** The answer of a peer's handler. */
export interface PeerReply {
  data?: Uint8Array | string;
  headers?: [string, string][];
}
export type PeerHandler = (message: Message) => PeerReply | Promise<PeerReply>;

export interface PeerInstance {
  readonly id: string;
  /** Requests that were taken, in order. */
  readonly taken: Message[];
  readonly inFlight: number;
  /** The highest number of requests that were under way at one time. */
  readonly mostInFlight: number;
  /** Announces draining, unsubscribes, finishes, announces gone. */
  drain(): Promise<void>;
  /** Stays subscribed, and refuses all requests. */
  refuse(): void;
  /** Dies: its requests are never answered. */
  crash(): void;
  /** Dies without an announcement. */
  vanish(): void;
}

export interface PeerNodeOptions {
  url: string;
  node: string;
  freeInstances?: number;
  /** Its instances are reached by a socket, too. Default: over NATS only. */
  hasSocket?: boolean;
  /** It lives, and answers no demand. */
  isDeaf?: boolean;
  /** Answers a demand. Default: it is refused. */
  onDemand?: (demand: Demand, node: PeerNode) => DemandReply;
}

export interface InstanceOptions {
  revision: string;
  concurrency?: number;
  handler?: PeerHandler;
  id?: string;
  /** It refuses all requests from the start. */
  isRefusing?: boolean;
}

/** The node's side of the contract over a NATS connection of its own: the gateway's counterpart in tests. */
export interface PeerNode extends AsyncDisposable {
  readonly nats: Nats;
  readonly node: string;
  readonly demands: Demand[];
  /** Starts an instance; resolves when every gateway can see that it is ready. */
  start(service: string, options: InstanceOptions): Promise<PeerInstance>;
  announce(announcement: Announcement): void;
  /** Its runner dies: no heartbeat, no answer to demands. Its instances finish their requests. */
  orphan(): Promise<void>;
  /** Stops the heartbeat and answers nothing more, like a machine without power. */
  die(): Promise<void>;
}

const hello: PeerHandler = () => ({ data: "hello" });

export async function startPeerNode(options: PeerNodeOptions): Promise<PeerNode> {
  const { node, url } = options;
  const nats = await connectNats({ url, name: node });
  const demands: Demand[] = [];
  const epoch = crypto.randomUUID();
  const beat = () => {
    const message: Heartbeat = {
      node,
      state: "running",
      epoch,
      modes: ["isolate"],
      freeInstances: options.freeInstances ?? 10,
      labels: {},
    };
    nats.publish(subjects.heartbeat(node), JSON.stringify(message));
  };
  const socket = options.hasSocket === true ? await openPeerSocket(nats) : undefined;
  const timer = setInterval(beat, heartbeat.intervalMs);
  const die = async () => {
    clearInterval(timer);
    await socket?.[Symbol.asyncDispose]();
    await nats.close();
  };
  const peer: PeerNode = {
    nats,
    node,
    demands,
    async start(service, instance) {
      const started = new Peer(nats, node, service, instance, socket);
      await started.announceReady();
      return started;
    },
    announce: (announcement) => announce(nats, announcement),
    async orphan() {
      clearInterval(timer);
      demanded.unsubscribe();
      await nats.flush();
    },
    die,
    [Symbol.asyncDispose]: die,
  };
  const demanded = nats.subscribe(subjects.demand(node), (message) => {
    if (options.isDeaf === true) return;
    const demand = DemandSchema.parse(JSON.parse(message.text()));
    demands.push(demand);
    const refused: DemandReply = { outcome: "refused", code: "NODE_FULL", reason: "by the test" };
    message.respond(JSON.stringify(options.onDemand?.(demand, peer) ?? refused));
  });
  beat();
  await nats.flush();
  return peer;
}

function announce(nats: Nats, announcement: Announcement): void {
  const { function: service, instance } = announcement;
  nats.publish(subjects.announcement(service, instance), JSON.stringify(announcement));
}

/** An instance of a peer node. */
class Peer implements PeerInstance {
  readonly id: string;
  readonly taken: Message[] = [];
  inFlight = 0;
  mostInFlight = 0;
  readonly #nats: Nats;
  readonly #facts: { function: string; instance: string; node: string; revision: string };
  readonly #handler: PeerHandler;
  readonly #concurrency: number;
  readonly #micro: MicroService;
  readonly #control: Subscription;
  readonly #address: SocketAddress | undefined;
  readonly #leaveSocket: (() => void) | undefined;
  #isRefusing: boolean;
  #isDead = false;
  #onIdle: () => void = () => undefined;

  constructor(nats: Nats, node: string, service: string, options: InstanceOptions, socket?: PeerSocket) {
    const { revision, concurrency = 10, handler = hello, id = crypto.randomUUID() } = options;
    this.id = id;
    this.#nats = nats;
    this.#facts = { function: service, instance: id, node, revision };
    this.#handler = handler;
    this.#concurrency = concurrency;
    this.#isRefusing = options.isRefusing ?? false;
    const ledger = new Ledger(nats);
    const handle: MicroEndpoint["handle"] = (message, done) => this.#handle(message, done);
    const guarded = ledger.guard(handle);
    const local = socket?.register((message) => guarded(message, () => undefined));
    this.#address = local?.address;
    this.#leaveSocket = local?.unregister;
    this.#micro = registerMicroService(nats, {
      name: service,
      version: "1.0.0",
      metadata: this.#metadata(),
      endpoints: [
        { name: endpointNames.shared, subject: service, handle },
        { name: endpointNames.direct, subject: subjects.instanceRequests(id), handle: guarded },
      ],
    });
    this.#control = nats.subscribe(subjects.streamControlAll(id), (message) => {
      if (message.subject === subjects.inquiries(id)) ledger.answer(message);
    });
  }

  /** Resolves when every gateway can see that it is ready. */
  async announceReady(): Promise<void> {
    await this.#nats.flush();
    this.#announce({
      state: "ready",
      concurrency: this.#concurrency,
      phases: { evaluate: 1 },
      ...(this.#address && { socket: this.#address }),
    });
    await this.#nats.flush();
  }

  async drain(): Promise<void> {
    this.#announce({ state: "draining" });
    await this.#micro.drain();
    if (this.inFlight > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.#unsubscribe();
    this.#announce({ state: "gone", reason: "idle" });
    await this.#nats.flush();
  }

  refuse(): void {
    this.#isRefusing = true;
  }

  crash(): void {
    this.vanish();
    this.#announce({ state: "gone", reason: "crashed" });
  }

  vanish(): void {
    this.#isDead = true;
    this.#unsubscribe();
  }

  #handle(message: Message, done: (error?: string) => void): void {
    if (this.#isDead) return;
    if (this.#isRefusing) {
      message.respond("", createHeaders([[headerNames.error, "INSTANCE_DRAINING"]]));
      done();
      return;
    }
    this.taken.push(message);
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    void this.#answer(message, done);
  }

  async #answer(message: Message, done: (error?: string) => void): Promise<void> {
    const { data = "", headers = [] } = await this.#handler(message);
    this.inFlight -= 1;
    if (this.#isDead) return;
    message.respond(data, createHeaders(headers));
    done();
    if (this.inFlight === 0) this.#onIdle();
  }

  #unsubscribe(): void {
    this.#leaveSocket?.();
    this.#micro.close();
    this.#control.unsubscribe();
  }

  #announce(state: PeerState): void {
    announce(this.#nats, { ...this.#facts, ...state, at: Date.now() });
  }

  #metadata() {
    const { function: service, instance, node, revision } = this.#facts;
    return {
      "narun.function": service,
      "narun.instance": instance,
      "narun.node": node,
      "narun.revision": revision,
      "narun.mode": "isolate",
      "narun.concurrency": String(this.#concurrency),
      ...(this.#address && { "narun.socket": formatSocketAddress(this.#address) }),
    } satisfies InstanceMetadata;
  }
}

type PeerState =
  | { state: "ready"; concurrency: number; phases: { evaluate: number }; socket?: SocketAddress }
  | { state: "draining" }
  | { state: "gone"; reason: GoneReason };

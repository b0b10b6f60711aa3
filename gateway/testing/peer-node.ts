import {
  type Announcement,
  type Demand,
  type DemandReply,
  DemandSchema,
  endpointNames,
  type GoneReason,
  type Heartbeat,
  headerNames,
  heartbeat,
  type InstanceMetadata,
  subjects,
} from "../../contracts/index.ts";
import {
  connectNats,
  createHeaders,
  Ledger,
  type Message,
  type MicroService,
  type Nats,
  registerMicroService,
} from "../../nats/index.ts";

/** What a handler of a peer answers with: data and header fields. */
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
  /** The most that were under way at one time. */
  readonly mostInFlight: number;
  /** Announces draining, unsubscribes, finishes, announces gone. */
  drain(): Promise<void>;
  /** Goes on being subscribed, and refuses what comes. */
  refuse(): void;
  /** Dies: what it took is never answered. */
  crash(): void;
  /** Dies without a word. */
  vanish(): void;
}

export interface PeerNodeOptions {
  url: string;
  node: string;
  freeInstances?: number;
  /** It lives, and answers no demand. */
  isDeaf?: boolean;
  /** What a demand comes to. Default: refused. */
  onDemand?: (demand: Demand, node: PeerNode) => DemandReply;
}

export interface InstanceOptions {
  revision: string;
  concurrency?: number;
  handler?: PeerHandler;
  id?: string;
  /** It refuses everything from the first. */
  isRefusing?: boolean;
}

/** A program that speaks a node's side of the contract over a NATS connection of its own: the gateway's counterpart in tests. */
export interface PeerNode extends AsyncDisposable {
  readonly nats: Nats;
  readonly node: string;
  readonly demands: Demand[];
  /** Starts an instance; resolves when it is ready for all to see. */
  start(service: string, options: InstanceOptions): Promise<PeerInstance>;
  announce(announcement: Announcement): void;
  /** Its runner dies: no heartbeat, no answer to demands. Its instances finish what they took. */
  orphan(): Promise<void>;
  /** Stops the heartbeat and answers nothing more, as a machine does that lost its power. */
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
  const timer = setInterval(beat, heartbeat.intervalMs);
  const die = async () => {
    clearInterval(timer);
    await nats.close();
  };
  const peer: PeerNode = {
    nats,
    node,
    demands,
    start: (service, instance) => startInstance(nats, node, service, instance),
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

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
async function startInstance(
  nats: Nats,
  node: string,
  service: string,
  {
    revision,
    concurrency = 10,
    handler = hello,
    id = crypto.randomUUID(),
    isRefusing = false,
  }: InstanceOptions,
): Promise<PeerInstance> {
  const state = { taken: [] as Message[], inFlight: 0, mostInFlight: 0, isDead: false, isRefusing };
  const idle = new Set<() => void>();
  const facts = { function: service, instance: id, node, revision };

  const handle = (message: Message, done: (error?: string) => void) => {
    if (state.isDead) return;
    if (state.isRefusing) {
      message.respond("", createHeaders([[headerNames.error, "INSTANCE_DRAINING"]]));
      return done();
    }
    state.taken.push(message);
    state.inFlight += 1;
    state.mostInFlight = Math.max(state.mostInFlight, state.inFlight);
    void (async () => {
      const { data = "", headers = [] } = await handler(message);
      state.inFlight -= 1;
      if (state.isDead) return;
      message.respond(data, createHeaders(headers));
      done();
      if (state.inFlight === 0) for (const resolve of idle) resolve();
    })();
  };

  const metadata = {
    "narun.function": service,
    "narun.instance": id,
    "narun.node": node,
    "narun.revision": revision,
    "narun.mode": "isolate",
    "narun.concurrency": String(concurrency),
  } satisfies InstanceMetadata;
  const ledger = new Ledger(nats);
  const micro: MicroService = registerMicroService(nats, {
    name: service,
    version: "1.0.0",
    metadata,
    endpoints: [
      { name: endpointNames.shared, subject: service, handle },
      { name: endpointNames.direct, subject: subjects.instanceRequests(id), handle: ledger.guard(handle) },
    ],
  });
  const control = nats.subscribe(subjects.streamControlAll(id), (message) => {
    if (message.subject === subjects.inquiries(id)) ledger.answer(message);
  });
  await nats.flush();
  announce(nats, { ...facts, state: "ready", concurrency, phases: { evaluate: 1 }, at: Date.now() });
  await nats.flush();

  const gone = (reason: GoneReason) => announce(nats, { ...facts, state: "gone", reason, at: Date.now() });
  const vanish = () => {
    state.isDead = true;
    micro.close();
    control.unsubscribe();
  };
  return {
    id,
    taken: state.taken,
    get inFlight() {
      return state.inFlight;
    },
    get mostInFlight() {
      return state.mostInFlight;
    },
    async drain() {
      announce(nats, { ...facts, state: "draining", at: Date.now() });
      await micro.drain();
      if (state.inFlight > 0) await new Promise<void>((resolve) => idle.add(resolve));
      micro.close();
      control.unsubscribe();
      gone("idle");
      await nats.flush();
    },
    refuse() {
      state.isRefusing = true;
    },
    crash() {
      vanish();
      gone("crashed");
    },
    vanish,
  };
}

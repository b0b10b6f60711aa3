/**
 * The parts that the host processes of the modes `isolate` and `node` have in common: the connection to NATS with the things
 * upon it, the socket for gateways of this machine, and the report of a start.
 *
 * I1  A runner hears of an instance's end after it has heard of its start.
 */
import { randomInt } from "node:crypto";
import { messageOf } from "../../../contracts/index.ts";
import { type LocalServer, listenLocal } from "../../../local/index.ts";
import { connectNats, Ledger, type LoginTexts, type Nats } from "../../../nats/index.ts";
import {
  createOpenCalls,
  createPeers,
  createStreamPresence,
  type OpenCalls,
  type Peers,
  type StreamPresence,
} from "../../../streams/index.ts";
import { NearDoors } from "../../calls/near-instances.ts";
import { ServiceCalls } from "../../calls/service-calls.ts";
import type { Instance, SocketPlace } from "../../instance/instance.ts";
import { RequestCounts } from "../../instance/request-counts.ts";
import type { startInstance } from "../../instance/start-instance.ts";
import type { FromHost, ToHost } from "../ipc.ts";
import { RateLimits } from "../operations/bindings/rate-limits.ts";
import { createKeyChannel, type KeyChannel } from "./key-channel.ts";
import { send } from "./runner-channel.ts";
import { createSpanChannel, type SpanChannel } from "./span-channel.ts";

export interface HostParts {
  readonly node: string;
  readonly nats: Nats;
  readonly peers: Peers;
  readonly presence: StreamPresence;
  readonly calls: OpenCalls;
  /** The instances of the process, for each other. */
  readonly near: NearDoors;
  readonly services: ServiceCalls;
  readonly rateLimits: RateLimits;
  readonly ledger: Ledger;
  readonly keys: KeyChannel;
  /** Rules of egress that win over a function's own. */
  readonly egressDeny: readonly string[];
  /** The socket for gateways of this machine; undefined where there is none. */
  readonly door: Door | undefined;
  /** Of all instances of the process. */
  readonly counts: RequestCounts;
  /** Undefined: the node exports none. */
  readonly spans: SpanChannel | undefined;
}

/** The socket of the process. */
interface Door {
  readonly server: LocalServer;
  /** The place of the next instance. */
  nextPlace(): SocketPlace;
}

type Init = Pick<
  Extract<ToHost, { type: "init" }>,
  "node" | "nats" | "worldId" | "socket" | "transport" | "egressDeny" | "isTraced"
>;

interface Process {
  /** For names and messages. */
  kind: "host" | "process";
  /** The login at NATS that the runner sent last. */
  login(): LoginTexts;
}

/** Connects the process. Rejects where NATS cannot be reached. */
export async function openHostParts(
  { node, nats, worldId, socket, transport, egressDeny, isTraced }: Init,
  { kind, login }: Process,
): Promise<HostParts> {
  const opening = socket && openDoor(socket, worldId, kind);
  const connection = await connectNats({
    ...{ url: nats.url, copies: nats.copies, worldId, transport },
    login: () => {
      send({ type: "need-login" });
      return login();
    },
    name: `narun ${kind} of ${node}`,
    onRefused: ({ code, message }) => send({ type: "refused", code, message }),
    onHandlerError: (error, subject) => {
      const text = error instanceof Error ? error.stack : undefined;
      send({ type: "handler-failed", subject, message: text ?? messageOf(error) });
    },
  });
  const streams = {
    nats: connection,
    peers: createPeers(connection),
    presence: createStreamPresence(connection),
    calls: createOpenCalls(connection),
  };
  const near = new NearDoors(connection, streams.presence.peer);
  const warn = (fields: object, message: string) => void send({ type: "warned", fields, message });
  return {
    ...{ node, egressDeny, near, ...streams },
    services: new ServiceCalls({ streams, near, node, warn }),
    rateLimits: new RateLimits(),
    ledger: new Ledger(connection),
    counts: new RequestCounts((reports) => void send({ type: "requests", reports })),
    keys: createKeyChannel((message) => void send(message)),
    door: await opening,
    spans: isTraced ? createSpanChannel() : undefined,
  };
}

/** Logs in anew where the runner asks for it. */
export async function renewLogin(parts: HostParts | undefined, renewal: number | undefined): Promise<void> {
  if (renewal === undefined) return;
  await parts?.nats.renewLogin();
  send({ type: "renewed", renewal });
}

/** Closes the parts. The last spans go to the runner. */
export async function closeHostParts({
  door,
  peers,
  presence,
  calls,
  services,
  ledger,
  nats,
  counts,
  spans,
}: HostParts): Promise<void> {
  await door?.server.close();
  services.close();
  peers.close();
  presence.close();
  calls.close();
  ledger.close();
  await nats.close();
  counts.flush();
  spans?.flush();
}

/** Undefined where the system refuses it: gateways come over NATS then. */
async function openDoor(
  { machine, path }: { machine: string; path: string },
  world: string,
  kind: Process["kind"],
): Promise<Door | undefined> {
  const warn = (fields: object, message: string) => void send({ type: "warned", fields, message });
  try {
    const server = await listenLocal({ path, machine, world, warn });
    return { server, nextPlace: createPlaces(server, { machine, path }) };
  } catch (error) {
    warn({ path, error: messageOf(error) }, `the ${kind} cannot listen on its socket: requests go over NATS`);
    return undefined;
  }
}

const NUMBERS = 2 ** 32;

/** Places with random numbers, as a host that lies in its announcement could aim at others. */
function createPlaces(server: LocalServer, address: { machine: string; path: string }): () => SocketPlace {
  const numbers = new Set<number>();
  return () => {
    let number = randomInt(NUMBERS);
    while (numbers.has(number)) number = randomInt(NUMBERS);
    numbers.add(number);
    return {
      address: { ...address, number },
      register: (take) => server.register(number, take),
      answersLeft: () => server.answersLeft(),
    };
  };
}

/** Outcome of a start or a trial in a process that stops. */
export const refused = { ok: false, code: "NODE_STOPPING", message: "the host is stopping" } as const;

/** Any failure of a start is one function's own. Only a failure of `init` ends the process. */
export const failed = (error: unknown) =>
  ({ ok: false, code: "INSTANCE_DRAINING", message: messageOf(error) }) as const;

type StartOrder = Parameters<typeof startInstance>[0];
type Started = Awaited<ReturnType<typeof startInstance>>;

interface ReportedStart {
  instance: string;
  /** Starts the instance with these receivers of its events. */
  start(events: Pick<StartOrder, "onIdle" | "onFull" | "onCondemned" | "onGone">): Promise<Started>;
  /** The instance lives. It is called before the report. */
  onStarted(life: Instance): void;
  onGone(): void;
}

/** Starts an instance, and reports its start and its events to the runner. Never rejects by a failed start. */
export async function startReported({ instance, start, onStarted, onGone }: ReportedStart): Promise<void> {
  let goneEarly: Extract<FromHost, { type: "gone" }> | undefined;
  let isReported = false;
  const started = await start({
    onIdle: () => send({ type: "idle", instance }),
    onFull: () => send({ type: "full", instance }),
    onCondemned: () => send({ type: "condemned", instance }),
    onGone: (reason, code) => {
      onGone();
      const gone = { type: "gone", instance, reason, ...(code === undefined ? {} : { code }) } as const;
      if (isReported) send(gone);
      else goneEarly = gone;
    },
  }).catch((error: unknown): Started => ({ outcome: failed(error) }));
  isReported = true;
  if (started.instance !== undefined && goneEarly === undefined) onStarted(started.instance);
  send({ type: "started", instance, outcome: started.outcome });
  if (goneEarly !== undefined) send(goneEarly);
}

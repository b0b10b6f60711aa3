/**
 * The process of one instance in the mode `node`. This thread has the login at NATS and the life of the instance; the code runs in
 * another one. It has no environment, and Node's permission model lets it read its own program only.
 *
 * When the runner dies the IPC channel closes: the process drains its instance and ends, so that no orphan is left.
 */
import { randomInt } from "node:crypto";
import { messageOf, orphans } from "../../../../contracts/index.ts";
import { type LocalServer, listenLocal } from "../../../../local/index.ts";
import { connectNats, Ledger, type LoginTexts, type Nats } from "../../../../nats/index.ts";
import {
  createOpenCalls,
  createPeers,
  createStreamPresence,
  type OpenCalls,
  type Peers,
  type StreamPresence,
} from "../../../../streams/index.ts";
import type { TrialOutcome } from "../../../host.ts";
import type { FunctionLog } from "../../../instance/function-logs.ts";
import type { Instance, SocketPlace } from "../../../instance/instance.ts";
import type { SandboxOwner } from "../../../instance/sandbox.ts";
import { createSourceMaps, mapStack, parseSourceMap } from "../../../instance/source-maps.ts";
import { startInstance } from "../../../instance/start-instance.ts";
import type { FromHost, ToHost } from "../../../isolate/ipc.ts";
import { RateLimits } from "../../../isolate/operations/bindings/rate-limits.ts";
import { endAtOnce, endAtOnceOnFault, send } from "../../../isolate/process/runner-channel.ts";
import { createSpanChannel, type SpanChannel } from "../../../isolate/process/span-channel.ts";
import { ThreadSandbox } from "./thread-sandbox.ts";

endAtOnceOnFault();

const [, , threadFile = ""] = process.argv;

interface Running {
  node: string;
  nats: Nats;
  peers: Peers;
  presence: StreamPresence;
  calls: OpenCalls;
  rateLimits: RateLimits;
  egressDeny: readonly string[];
  ledger: Ledger;
  place: SocketPlace | undefined;
  door: LocalServer | undefined;
  /** Undefined: the node exports none. */
  spans: SpanChannel | undefined;
}

const sourceMaps = createSourceMaps((revision) => send({ type: "need-source-map", revision }));
let login: LoginTexts = {};
let running: Running | undefined;
let life: Instance | undefined;
let starting: Promise<void> | undefined;
let stopping: Promise<void> | undefined;

process.on("message", (message: ToHost) => {
  void receive(message).catch((error: unknown) => {
    void send({ type: "failed", message: messageOf(error) }).then(endAtOnce);
  });
});
process.on("disconnect", () => void stop(orphans.graceMs));
// The terminal's Ctrl-C reaches the whole process group: the runner decides when its hosts end.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
send({ type: "up" });

async function receive(message: ToHost): Promise<void> {
  switch (message.type) {
    case "init":
      running = await initialise(message);
      return send({ type: "ready" });
    case "login":
      login = message.login;
      return;
    case "start":
      starting = start(message);
      return starting;
    case "trial":
      return send({ type: "tried", id: message.id, outcome: await tried(message) });
    case "drain":
      return life?.drain(message);
    case "source-map":
      return sourceMaps.provide(message.revision, message.sourceMap);
    case "inspect":
      return;
    case "stop":
      return stop(message.graceMs);
  }
}

async function initialise({
  node,
  egressDeny,
  nats,
  worldId,
  socket,
  transport,
  isTraced,
}: Extract<ToHost, { type: "init" }>): Promise<Running> {
  login = nats.login;
  const opening = socket && openDoor(socket, worldId);
  const connection = await connectNats({
    ...{ url: nats.url, worldId, transport },
    login: () => {
      send({ type: "need-login" });
      return login;
    },
    name: `narun process of ${node}`,
    onRefused: ({ code, message }) => send({ type: "refused", code, message }),
    onHandlerError: (error, subject) => {
      const text = error instanceof Error ? error.stack : undefined;
      send({ type: "handler-failed", subject, message: text ?? messageOf(error) });
    },
  });
  return {
    ...{ node, nats: connection, rateLimits: new RateLimits(), egressDeny, ledger: new Ledger(connection) },
    spans: isTraced ? createSpanChannel() : undefined,
    peers: createPeers(connection),
    presence: createStreamPresence(connection),
    calls: createOpenCalls(connection),
    ...((await opening) ?? { door: undefined, place: undefined }),
  };
}

const NUMBERS = 2 ** 32;

/** Undefined where the system refuses it: gateways come over NATS then. */
async function openDoor(
  { machine, path }: { machine: string; path: string },
  world: string,
): Promise<{ door: LocalServer; place: SocketPlace } | undefined> {
  const warn = (fields: object, message: string) => void send({ type: "warned", fields, message });
  try {
    const door = await listenLocal({ path, machine, world, warn });
    // Random, as a process that lies in its announcement could aim at others.
    const number = randomInt(NUMBERS);
    const place = {
      address: { machine, path, number },
      register: (take: Parameters<SocketPlace["register"]>[0]) => door.register(number, take),
      answersLeft: () => door.answersLeft(),
    };
    return { door, place };
  } catch (error) {
    warn({ path, error: messageOf(error) }, "the process cannot listen on its socket: requests go over NATS");
    return undefined;
  }
}

const refused = { ok: false, code: "NODE_STOPPING", message: "the host is stopping" } as const;
const failed = (error: unknown) =>
  ({ ok: false, code: "INSTANCE_DRAINING", message: messageOf(error) }) as const;

/** Evaluates a bundle once. Its log lines are dropped. */
async function tried(order: Extract<ToHost, { type: "trial" }>): Promise<TrialOutcome> {
  if (running === undefined || stopping !== undefined) return refused;
  const sandbox = new ThreadSandbox({ ...running, ...order, threadFile, isTraced: false }, TRIAL_OWNER);
  try {
    const started = await sandbox.start();
    if (started.ok) return { ok: true };
    const { stack, ...rest } = started;
    return {
      ...rest,
      ...(stack === undefined ? {} : { stack: mapStack(stack, parseSourceMap(order.sourceMap)) }),
    };
  } finally {
    sandbox.dispose();
  }
}

const nothing = () => undefined;
const NO_LOG: FunctionLog = { write: nothing, say: nothing, dropped: nothing, close: nothing };
/** The owner of a sandbox that gets no requests. */
const TRIAL_OWNER: SandboxOwner = {
  log: NO_LOG,
  condemn: nothing,
  replace: nothing,
  requests: {
    ...{ respond: nothing, refuse: nothing, upgrade: nothing, socketMessage: nothing, socketClose: nothing },
    ...{ beginBackground: nothing, endBackground: nothing, fail: nothing },
    ...{ requestIdOf: nothing, find: nothing, isOver: () => false, hopsOf: () => 0 },
  },
};

async function start(order: Extract<ToHost, { type: "start" }>): Promise<void> {
  const { instance } = order;
  if (running === undefined || stopping !== undefined) {
    return send({ type: "started", instance, outcome: refused });
  }
  const { node, nats, peers, ledger, place, spans } = running;
  let goneEarly: Extract<FromHost, { type: "gone" }> | undefined;
  let isStarted = false;
  const parts = { ...running, ...order, threadFile, isTraced: spans !== undefined };
  const started = await startInstance(
    {
      ...{ node, nats, peers, ledger, sourceMaps, place, spans },
      ...order,
      onIdle: () => send({ type: "idle", instance }),
      onFull: () => send({ type: "full", instance }),
      onCondemned: () => send({ type: "condemned", instance }),
      onGone: (reason, code) => {
        life = undefined;
        const gone = { type: "gone", instance, reason, ...(code === undefined ? {} : { code }) } as const;
        if (isStarted) send(gone);
        else goneEarly = gone;
      },
    },
    (owner) => new ThreadSandbox(parts, owner),
  ).catch((error: unknown): Awaited<ReturnType<typeof startInstance>> => ({ outcome: failed(error) }));
  isStarted = true;
  if (goneEarly === undefined) life = started.instance;
  send({ type: "started", instance, outcome: started.outcome });
  if (goneEarly !== undefined) send(goneEarly);
}

/** Stops the process. A second stop joins the first. */
function stop(graceMs: number): Promise<void> {
  stopping ??= stopOnce(graceMs);
  return stopping;
}

async function stopOnce(graceMs: number): Promise<void> {
  // A start ends first: its instance is drained then.
  await starting?.catch(() => undefined);
  await life?.drain({ reason: "shutdown", graceMs, closesSockets: false });
  await running?.door?.close();
  running?.peers.close();
  running?.presence.close();
  running?.calls.close();
  running?.ledger.close();
  await running?.nats.close();
  running?.spans?.flush();
  // The last message has to leave the process first.
  await send({ type: "ended" });
  endAtOnce();
}

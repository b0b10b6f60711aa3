/**
 * The isolate host process: runs the instances of one trust group. It has no environment, no file system beyond its own
 * code, no child processes; it gets its NATS login over IPC and reaches nothing but NATS.
 *
 * When the runner dies the IPC channel closes: the host drains its instances and ends, so that no orphan is left.
 */
import { messageOf } from "../../../contracts/index.ts";
import type { LoginTexts } from "../../../nats/index.ts";
import type { TrialOrder, TrialOutcome } from "../../host.ts";
import { closeTrial } from "../../instance/closed-failure.ts";
import type { Instance } from "../../instance/instance.ts";
import { createSourceMaps } from "../../instance/source-maps.ts";
import { startInstance } from "../../instance/start-instance.ts";
import { createEngine, type Isolate } from "../engine.ts";
import type { InspectorChannel } from "../inspector/inspector-channel.ts";
import type { ToHost } from "../ipc.ts";
import { createOperations } from "../operations/operations.ts";
import { compiledCode } from "./compiled-code.ts";
import {
  closeHostParts,
  failed,
  type HostParts,
  openHostParts,
  refused,
  renewLogin,
  startReported,
} from "./host-parts.ts";
import { IsolateSandbox } from "./isolate-sandbox.ts";
import { createPool, type Pool } from "./pool.ts";
import { QuietMemory } from "./quiet-memory.ts";
import { endAfterRunner, endAtOnce, endAtOnceOnFault, send } from "./runner-channel.ts";
import { tryBundle } from "./trial.ts";
import { createBlindWatchdog, createWatchdog, type Watchdog } from "./watchdog.ts";

endAtOnceOnFault();

interface Running extends HostParts {
  pool: Pool;
  watchdog: Watchdog;
  isInspected: boolean;
}

/** One instance, and V8's inspector of its isolate where debuggers may attach. */
interface Inhabitant {
  life: Instance;
  inspector: InspectorChannel | undefined;
}

const instances = new Map<string, Inhabitant>();
/** The names of the functions that the isolates run. */
const owners = new WeakMap<Isolate, string>();
/** The largest `limits.memoryMb` of a function that ran here. */
let largestMb = 0;
const sourceMaps = createSourceMaps((revision) => send({ type: "need-source-map", revision }));
/** Starts that have not ended. */
const starts = new Set<Promise<void>>();
/** The number of trials that have not ended. */
let trials = 0;
const memory = new QuietMemory();
/** The login at NATS that the runner sent last. */
let login: LoginTexts = {};
let running: Running | undefined;
let stopping: Promise<void> | undefined;

process.on("message", (message: ToHost) => {
  void receive(message).catch((error: unknown) => {
    void send({ type: "failed", message: messageOf(error) }).then(endAtOnce);
  });
});
endAfterRunner(stop);
// The terminal's Ctrl-C reaches the whole process group: the runner decides when its hosts end.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
// By default the signal ends the process, as Node's inspector is off.
process.on("SIGUSR1", () => undefined);
send({ type: "up", lacksCode: compiledCode?.isLacking === true });

async function receive(message: ToHost): Promise<void> {
  switch (message.type) {
    case "init":
      running = await initialise(message);
      if (message.compile !== undefined) await compile(running, message.compile);
      return send({ type: "ready" });
    case "login":
      login = message.login;
      return renewLogin(running, message.renewal);
    case "callees":
      return running?.services.setCallees(message.callees);
    case "node":
      return running?.services.onNode(message.node, message.news);
    case "start": {
      memory.note();
      const started = start(message).finally(() => starts.delete(started));
      starts.add(started);
      return started;
    }
    case "trial":
      memory.note();
      trials += 1;
      return send({
        type: "tried",
        id: message.id,
        outcome: await tried(message).finally(() => (trials -= 1)),
      });
    case "drain":
      return instances.get(message.instance)?.life.drain(message);
    case "key":
      return running?.keys.provide(message.id, message.answer);
    case "source-map":
      return sourceMaps.provide(message.revision, message.sourceMap);
    case "inspect":
      return instances.get(message.instance)?.inspector?.send(message.message);
    case "stop":
      return stop(message.graceMs);
  }
}

async function initialise(order: Extract<ToHost, { type: "init" }>): Promise<Running> {
  const { snapshot, prepared, isInspected } = order;
  login = order.nats.login;
  const parts = await openHostParts(order, { kind: "host", login: () => login });
  const engine = createEngine(snapshot, retire, { isInspected });
  setInterval(look, USAGE_MS).unref();
  return {
    ...parts,
    pool: createPool({ engine, size: prepared }),
    // At a breakpoint an entry may stay for hours.
    watchdog: isInspected ? createBlindWatchdog() : createWatchdog(),
    isInspected,
  };
}

/** Makes the code of this program for other hosts. A trial that fails leaves some functions out of it. */
async function compile(parts: Running, trial: TrialOrder): Promise<void> {
  await tryIn(parts, trial);
  if (compiledCode !== undefined) await send({ type: "compiled", code: compiledCode.create() });
}

function tried(order: TrialOrder): Promise<TrialOutcome> {
  return running === undefined || stopping !== undefined ? Promise.resolve(refused) : tryIn(running, order);
}

async function tryIn(parts: Running, order: TrialOrder): Promise<TrialOutcome> {
  const { config } = order;
  const sealer = parts.keys.sealerOf(config.name);
  const { node, nats } = parts;
  const outcome = await tryBundle(
    {
      ...parts,
      operations: createOperations({ ...parts, config, sealer, log: () => undefined }),
      adopted: (isolate) => owners.set(isolate, config.name),
    },
    order,
  ).catch(failed);
  return closeTrial(outcome, { node, nats, config, sealer });
}

async function start(order: Extract<ToHost, { type: "start" }>): Promise<void> {
  const { instance } = order;
  if (running === undefined || stopping !== undefined) {
    return send({ type: "started", instance, outcome: refused });
  }
  largestMb = Math.max(largestMb, order.config.limits.memoryMb);
  let inspector: InspectorChannel | undefined;
  const { node, nats, peers, ledger, door, near, counts, spans } = running;
  const parts = {
    ...running,
    ...order,
    onTaken(isolate: Isolate) {
      owners.set(isolate, order.config.name);
      // Opened before any code runs in the isolate (inspector-channel.ts).
      inspector = isolate.inspector;
      inspector?.open();
    },
    onRunaway: (isolate: Isolate) => retire("it was ended, and goes on", isolate, RUNAWAY_GRACE_MS),
  };
  const sealer = running.keys.sealerOf(order.config.name);
  const common = { node, nats, peers, ledger, near, counts, sourceMaps, spans, sealer, ...order };
  const place = door?.nextPlace();
  const areStarting = () => starts.size > 0;
  await startReported({
    instance,
    start: (events) =>
      startInstance(
        { ...common, place, areStarting, ...events },
        (owner) => new IsolateSandbox(parts, owner),
      ),
    onStarted(life) {
      instances.set(instance, { life, inspector });
      inspector?.listen((message) => send({ type: "inspected", instance, message }));
    },
    onGone: () => void instances.delete(instance),
  });
}

/** How long requests may go on in a host that retires. */
const RETIRE_GRACE_MS = 30_000;

/**
 * V8 has lost control of an isolate. Its thread sleeps and its memory is lost until the process ends. The other isolates are
 * whole: they finish their requests while the runner starts another host.
 */
function retire(reason: string, isolate: Isolate | undefined, graceMs = RETIRE_GRACE_MS): void {
  const guilty = isolate && owners.get(isolate);
  send({ type: "retiring", guilty, reason });
  void stop(graceMs);
}

/** How long requests may go on beside an isolate that cannot be ended: it takes more and more memory. */
const RUNAWAY_GRACE_MS = 2_000;

/** How long the host waits between two reports of its memory. */
const USAGE_MS = 5_000;

function look(): void {
  memory.look(instances.size + starts.size + trials > 0);
  send({ type: "usage", rssBytes: process.memoryUsage.rss(), instances: instances.size, largestMb });
}

/** Stops the host. A second stop joins the first. */
function stop(graceMs: number): Promise<void> {
  stopping ??= stopOnce(graceMs);
  return stopping;
}

async function stopOnce(graceMs: number): Promise<void> {
  const drainAll = () =>
    Promise.all(
      [...instances.values()].map(({ life }) =>
        life.drain({ reason: "shutdown", graceMs, closesSockets: false }),
      ),
    );
  // The instance of a start under way is drained when it is there.
  await Promise.all([drainAll(), Promise.allSettled(starts).then(drainAll)]);
  running?.pool.close();
  if (running !== undefined) await closeHostParts(running);
  // The last message has to leave the process first.
  await send({ type: "ended" });
  endAtOnce();
}

/**
 * The process of one instance in the mode `node`. This thread has the login at NATS and the life of the instance; the code runs in
 * another one. It has no environment, and Node's permission model lets it read its own program only.
 *
 * When the runner dies the IPC channel closes: the process drains its instance and ends, so that no orphan is left.
 */
import { messageOf } from "../../../../contracts/index.ts";
import type { LoginTexts } from "../../../../nats/index.ts";
import type { TrialOutcome } from "../../../host.ts";
import { closeTrial } from "../../../instance/closed-failure.ts";
import type { FunctionLog } from "../../../instance/function-logs.ts";
import type { Instance } from "../../../instance/instance.ts";
import type { SandboxOwner } from "../../../instance/sandbox.ts";
import { createSourceMaps, mapStack, parseSourceMap } from "../../../instance/source-maps.ts";
import { startInstance } from "../../../instance/start-instance.ts";
import type { ToHost } from "../../../isolate/ipc.ts";
import {
  closeHostParts,
  type HostParts,
  openHostParts,
  refused,
  renewLogin,
  startReported,
} from "../../../isolate/process/host-parts.ts";
import {
  endAfterRunner,
  endAtOnce,
  endAtOnceOnFault,
  send,
} from "../../../isolate/process/runner-channel.ts";
import { ThreadSandbox } from "./thread-sandbox.ts";

endAtOnceOnFault();

const [, , threadFile = ""] = process.argv;

const sourceMaps = createSourceMaps((revision) => send({ type: "need-source-map", revision }));
let login: LoginTexts = {};
let running: HostParts | undefined;
let life: Instance | undefined;
let starting: Promise<void> | undefined;
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
send({ type: "up" });

async function receive(message: ToHost): Promise<void> {
  switch (message.type) {
    case "init":
      login = message.nats.login;
      running = await openHostParts(message, { kind: "process", login: () => login });
      return send({ type: "ready" });
    case "login":
      login = message.login;
      return renewLogin(running, message.renewal);
    case "callees":
      return running?.services.setCallees(message.callees);
    case "node":
      return running?.services.onNode(message.node, message.news);
    case "start":
      starting = start(message);
      return starting;
    case "trial":
      return send({ type: "tried", id: message.id, outcome: await tried(message) });
    case "drain":
      return life?.drain(message);
    case "key":
      return running?.keys.provide(message.id, message.answer);
    case "source-map":
      return sourceMaps.provide(message.revision, message.sourceMap);
    case "inspect":
      return;
    case "stop":
      return stop(message.graceMs);
  }
}

async function tried(order: Extract<ToHost, { type: "trial" }>): Promise<TrialOutcome> {
  if (running === undefined || stopping !== undefined) return refused;
  const { node, nats, keys } = running;
  const { config } = order;
  const outcome = await tryOnce(running, order);
  return closeTrial(outcome, { node, nats, config, sealer: keys.sealerOf(config.name) });
}

/** Evaluates a bundle once. Its log lines are dropped. */
async function tryOnce(parts: HostParts, order: Extract<ToHost, { type: "trial" }>): Promise<TrialOutcome> {
  const sandbox = new ThreadSandbox(
    { ...parts, ...order, threadFile, isTraced: false, isTrial: true },
    TRIAL_OWNER,
  );
  try {
    const started = await sandbox.start();
    if (started.ok) {
      const { description } = started;
      return { ok: true, ...(description === undefined ? {} : { description }) };
    }
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
const NO_LOG: FunctionLog = { write: nothing, say: nothing, dropped: nothing, close: async () => nothing() };
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
  const { node, nats, peers, ledger, door, near, counts, spans, keys } = running;
  const sealer = keys.sealerOf(order.config.name);
  const parts = { ...running, ...order, threadFile, isTraced: spans !== undefined };
  const common = { node, nats, peers, ledger, near, counts, sourceMaps, spans, sealer, ...order };
  const place = door?.nextPlace();
  await startReported({
    instance,
    start: (events) =>
      startInstance({ ...common, place, ...events }, (owner) => new ThreadSandbox(parts, owner)),
    onStarted(started) {
      life = started;
    },
    onGone() {
      life = undefined;
    },
  });
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
  if (running !== undefined) await closeHostParts(running);
  // The last message has to leave the process first.
  await send({ type: "ended" });
  endAtOnce();
}

/**
 * Everything on one machine: nats-server, gateway, node-runner. It ends in this order, so that nothing is lost:
 *   1. the gateway takes nothing new and finishes what it has, while there is still somebody to answer it. Functions whose
 *      answers stream hear of it, as these may have no end of their own;
 *   2. the node-runner drains its instances;
 *   3. the connection closes, nats-server stops;
 *   4. the data folder is given free.
 * Where this process ends before that (a second Ctrl-C, a fault), the runner and nats-server are ended with it.
 */
import { join } from "node:path";
import type { Logger } from "pino";
import { type Gateway, startGateway } from "../../gateway/index.ts";
import { sendSignal } from "../../machine/index.ts";
import { connectNats, type Nats, type NatsLogin, type NatsTransport } from "../../nats/index.ts";
import {
  findNatsServer,
  lockDataDir,
  type NatsServer,
  type ServerProgress,
  startNatsServer,
} from "../../nats-server/index.ts";
import type { InspectOptions } from "../functions/debugging.ts";
import { logConnection } from "../log.ts";
import type { Environment } from "../options/resolve.ts";
import type { Output, Progress } from "../output/output.ts";
import { ensureSecretsKeyFile, SECRETS_KEY_FILE } from "../secrets-key.ts";
import { type NodeProcess, startNodeProcess } from "./node-process.ts";

export interface WorldOptions {
  http: { host: string; port: number };
  metrics: { host: string; port: number };
  /** A server that runs already; none is started then. */
  external?: { url: string; login: NatsLogin };
  transport: NatsTransport;
  natsPort: number;
  dataDir: string;
  /** How long the gateway goes on serving at the end. */
  lameDuckMs: number;
  /** Networks of proxies that the gateway trusts. */
  trustedProxies: readonly string[];
  /** More arguments of `narun node`. */
  nodeArguments: readonly string[];
  /** The nats-server binary to use. Default: the one that is found, else fetched. */
  natsServer?: string | undefined;
  /** The data folder keeps the key of secrets, as no variable has it. */
  hasOwnKey: boolean;
  /** The environment of nats-server and of the node-runner. */
  environment: Environment;
  /** Where debuggers may attach. Default: nowhere. */
  inspect?: InspectOptions;
  /** The pushes of the functions that are found at the start. */
  firstPushes?: Promise<unknown>;
  output: Output;
  log: Logger;
  signal: AbortSignal;
}

export interface World {
  readonly nats: Nats;
  readonly natsUrl: string;
  readonly gateway: Gateway;
  /** Where debuggers attach: `HOST:PORT`. */
  readonly inspectAddress: string | undefined;
  close(): Promise<void>;
}

const DRAIN_GRACE_MS = 30_000;

/**
 * Starts the world. What was started ends again where a later part fails, or where the signal aborts meanwhile. Errors:
 * DATA_DIR_LOCKED, ADDRESS_IN_USE and those of the parts.
 */
export async function startWorld(options: WorldOptions): Promise<World> {
  const progress = options.output.progress("starting");
  const endings: (() => Promise<void> | void)[] = [];
  const close = async () => {
    const errors: unknown[] = [];
    for (const end of endings.splice(0).reverse()) {
      // One part that ends badly keeps no other from ending.
      try {
        await end();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  };
  try {
    return { ...(await startInOrder(options, progress, endings)), close };
  } catch (error) {
    await close();
    throw error;
  } finally {
    progress.end();
  }
}

async function startInOrder(
  options: WorldOptions,
  progress: Progress,
  endings: (() => Promise<void> | void)[],
): Promise<Omit<World, "close">> {
  const { dataDir, log, external, signal } = options;
  const lock = await lockDataDir(dataDir);
  endings.push(() => lock.release());
  if (options.hasOwnKey) await ensureSecretsKeyFile(join(dataDir, SECRETS_KEY_FILE));
  let url = external?.url;
  if (url === undefined) {
    const server = await startEmbedded(options, progress, (pid) => lock.recordNats(pid));
    endings.push(endWithProcess(() => server.pid && sendSignal(server.pid, "SIGTERM")));
    endings.push(() => server.close());
    url = server.url;
  }
  signal.throwIfAborted();
  progress.update("starting gateway and node-runner");
  const login = external?.login ?? {};
  const nats = await connectNats({
    url,
    login,
    transport: options.transport,
    name: "narun up",
    ...logConnection(log),
  });
  endings.push(() => nats.close());
  const [node, gateway] = await startParts(options, nats, { natsUrl: url, login });
  endings.push(endWithProcess(() => node.kill()));
  endings.push(() => node.close());
  endings.push(() => gateway.drain({ graceMs: DRAIN_GRACE_MS, lameDuckMs: options.lameDuckMs }));
  log.debug({ pid: node.pid }, "node-runner started");
  signal.throwIfAborted();
  return { nats, natsUrl: url, gateway, inspectAddress: node.inspectAddress };
}

/** Gateway and node-runner start side by side; where one fails the other ends. */
async function startParts(
  {
    http,
    metrics,
    dataDir,
    trustedProxies,
    nodeArguments,
    hasOwnKey,
    environment,
    inspect,
    firstPushes,
    log,
    signal,
  }: WorldOptions,
  nats: Nats,
  access: { natsUrl: string; login: NatsLogin },
): Promise<[NodeProcess, Gateway]> {
  const [node, gateway] = await Promise.allSettled([
    startNodeProcess({
      ...access,
      cacheDir: join(dataDir, "cache"),
      ...(hasOwnKey ? { secretsKeyFile: join(dataDir, SECRETS_KEY_FILE) } : {}),
      nodeArguments,
      environment,
      ...(inspect === undefined ? {} : { inspect }),
      logLevel: log.level,
      log,
      signal,
    }),
    startGateway({
      nats,
      http,
      metrics,
      trustedProxies,
      log,
      ...(firstPushes === undefined ? {} : { firstPushes }),
    }),
  ]);
  if (node.status === "fulfilled" && gateway.status === "fulfilled") return [node.value, gateway.value];
  if (node.status === "fulfilled") await node.value.close();
  if (gateway.status === "fulfilled") await gateway.value.close();
  throw gateway.status === "rejected" ? gateway.reason : node.status === "rejected" ? node.reason : undefined;
}

async function startEmbedded(
  { natsPort, dataDir, environment, log, signal }: WorldOptions,
  progress: Progress,
  onSpawn: (pid: number) => void,
): Promise<NatsServer> {
  const { path } = await findNatsServer({
    env: environment,
    signal,
    onProgress: (step) => progress.update(describeProgress(step)),
  });
  progress.update("starting nats-server");
  return startNatsServer({ binary: path, port: natsPort, dataDir, log, onSpawn, signal });
}

/** Has something ended when this process ends unforeseen; the function that is returned calls it off. */
function endWithProcess(end: () => void): () => void {
  process.once("exit", end);
  return () => process.off("exit", end);
}

const STAGES: Record<ServerProgress["stage"], string> = {
  "release-download": "fetching nats-server",
  "apt-index": "fetching nats-server: reading the package index",
  "apt-download": "fetching nats-server: downloading the package",
  unpack: "fetching nats-server: unpacking",
};

function describeProgress({ stage, receivedBytes, totalBytes }: ServerProgress): string {
  if (receivedBytes === undefined || totalBytes === undefined) return STAGES[stage];
  const width = 24;
  const filled = Math.round((width * receivedBytes) / totalBytes);
  const percent = Math.round((100 * receivedBytes) / totalBytes);
  return `${STAGES[stage]} ${"█".repeat(filled)}${"░".repeat(width - filled)} ${percent} %`;
}

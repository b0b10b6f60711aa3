/**
 * All parts on one machine: nats-server, gateway, node-runner. They end in this order, so that no request is lost:
 *   1. the gateway accepts nothing new and finishes its requests, while instances still run. It tells functions with
 *      streaming answers, which may have no end of their own;
 *   2. the node-runner drains its instances;
 *   3. the connection closes, nats-server stops;
 *   4. the lock of the data folder is released.
 * If this process ends earlier (a second Ctrl-C, a fault), the runner and nats-server end with it.
 */
import { once } from "node:events";
import { join } from "node:path";
import type { Logger } from "pino";
import { serveRegistry } from "../../control/index.ts";
import {
  type Gateway,
  type InterfaceOptions,
  type MetricValues,
  type ShortPath,
  startGateway,
} from "../../gateway/index.ts";
import { type Address, claimShared, sendSignal } from "../../machine/index.ts";
import {
  connectNats,
  keepCopies,
  makeStores,
  type Nats,
  type NatsLogin,
  type NatsOptions,
  type NatsTransport,
} from "../../nats/index.ts";
import {
  findNatsServer,
  lockDataDir,
  type NamedServer,
  type ServerProgress,
} from "../../nats-server/index.ts";
import { startTraces, type Traces, type TracesOptions } from "../../traces/index.ts";
import type { InspectOptions } from "../functions/debugging.ts";
import { logConnection } from "../log.ts";
import { answerJoins, type JoinTarget } from "../network/join.ts";
import { keepIdentity } from "../network/keep-identity.ts";
import type { LocalRole } from "../network/login-files.ts";
import { type Network, operatorLogin } from "../network/network-folder.ts";
import type { Tenant } from "../network/tenant-folder.ts";
import type { GrpcTls } from "../options/listen.ts";
import type { Environment } from "../options/resolve.ts";
import { KEYS_FOLDER } from "../options/storage.ts";
import type { Output, Progress } from "../output/output.ts";
import { ensureSecretsKeyFile, SECRETS_KEY_FILE } from "../secrets-key.ts";
import { version } from "../version.ts";
import { type EmbeddedNats, startEmbeddedNats } from "./embedded-nats.ts";
import { GatewayWorkers } from "./gateway-workers.ts";
import { type NodeProcess, startNodeProcess } from "./node-process.ts";
import type { RuntaraAddresses } from "./runtara-addresses.ts";

export interface WorldOptions {
  http: { host: string; port: number };
  grpc: Address;
  grpcTls: GrpcTls | undefined;
  httpMaxAgeMs: number;
  grpcMaxAgeMs: number;
  metrics: { host: string; port: number };
  /** A running server of the user. Default: an embedded server is started. */
  external?: { url: string; login: NatsLogin; network?: undefined } | undefined;
  /** The tenant of a network whose servers are the running ones. */
  tenant?: Tenant | undefined;
  transport: NatsTransport;
  /** Copies of every stream. Undefined: as many as the cluster gives. */
  copies: number | undefined;
  natsPort: number;
  /** Where the embedded server listens. Default: 127.0.0.1. */
  listen?: string;
  /** Where it takes other servers of a network. Default: nowhere. */
  cluster?: Address | undefined;
  /** The network to become a part of. Default: none, or that of the data folder. */
  join?: JoinTarget | undefined;
  dataDir: string;
  /** The folder of the node's key file. Default: in the data folder. */
  keysDir: string | undefined;
  /** The number of the gateway's processes, this one among them. Default: 1. */
  workers?: number;
  shortPath: ShortPath;
  /** Undefined: no spans are made. */
  traces: TracesOptions | undefined;
  /** How long the stopped gateway still serves. */
  lameDuckMs: number;
  /** Networks of proxies that the gateway trusts. */
  trustedProxies: readonly string[];
  /** The callers that may read the descriptions of services at the gateway. */
  interfaces: InterfaceOptions;
  /** More arguments of the gateway's further processes. */
  gatewayArguments: readonly string[];
  /** More arguments of `narun node`. */
  nodeArguments: readonly string[];
  /** The nats-server binary to use. Default: one in PATH or in the cache folder, else a fetched one. */
  natsServer?: NamedServer | undefined;
  /** Whether the key of secrets is in the data folder. False: a variable has it. */
  hasOwnKey: boolean;
  /** The environment of nats-server and of the node-runner. */
  environment: Environment;
  /** The address for debuggers. Default: none. */
  inspect?: InspectOptions;
  /** Settles when the pushes of the first functions have ended. */
  firstPushes?: Promise<unknown>;
  output: Output;
  log: Logger;
  signal: AbortSignal;
}

export interface World {
  readonly nats: Nats;
  readonly natsUrl: string;
  readonly gateway: Gateway;
  /** The address for debuggers: `HOST:PORT`. */
  readonly inspectAddress: string | undefined;
  readonly runtara: RuntaraAddresses;
  /** The files of the operator's login. Undefined: NATS is open, or not narun's own. */
  readonly login: { creds: string; ca: string } | undefined;
  close(): Promise<void>;
}

const DRAIN_GRACE_MS = 30_000;

/**
 * Starts the world. If a part fails or the signal aborts meanwhile, the started parts end again. Errors: DATA_DIR_LOCKED,
 * ADDRESS_IN_USE and the errors of the parts.
 */
export async function startWorld(options: WorldOptions): Promise<World> {
  const progress = options.output.progress("starting");
  const endings: (() => Promise<void> | void)[] = [];
  const close = async () => {
    const errors: unknown[] = [];
    for (const end of endings.splice(0).reverse()) {
      // A part that fails to end must not keep the others.
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
  const given = ofTenant(options.tenant) ?? external;
  const { url, network, login: loginOf } = given ?? (await openEmbedded(options, progress, lock, endings));
  const identity = network ?? options.tenant;
  signal.throwIfAborted();
  progress.update("starting gateway and node-runner");
  const login = typeof loginOf === "function" ? loginOf("gateway") : loginOf;
  const connect = async (its: NonNullable<NatsOptions["login"]>) => {
    const { transport, copies } = options;
    const how = { url, login: its, transport, copies, name: "narun up" };
    const connection = await connectNats({ ...how, ...logConnection(log) });
    endings.push(() => connection.close());
    return connection;
  };
  // It makes the stores that are missing, so it connects first.
  const operator = identity && (await connect(() => identity.keeper()));
  if (operator !== undefined) await makeStores(operator);
  // Before the others connect: their logins may be of a key that is no longer accepted.
  if (operator !== undefined) endings.push(...(await keepWhole(options, { nats: operator, url, network })));
  const nats = await connect(login);
  const { workers: processes = 1 } = options;
  const claim = (address: Address, option: string) =>
    processes > 1 ? claimShared(address, option) : address;
  const http = await claim(options.http, "--http");
  const grpc = await claim(options.grpc, "--grpc");
  const workers = new GatewayWorkers({
    ...{ count: processes - 1, http, grpc, natsUrl: url, login, environment: options.environment },
    ...{ shortPath: options.shortPath, trustedProxies: options.trustedProxies },
    ...{ lameDuckMs: options.lameDuckMs, gatewayArguments: options.gatewayArguments, log },
  });
  const traces =
    options.traces &&
    (await startTraces(options.traces, { attributes: { "service.version": version }, log }));
  // After the gateway, which ends before.
  endings.push(() => traces?.close());
  const [node, gateway] = await startParts(
    { ...options, http, grpc },
    { nats, traces },
    {
      natsUrl: url,
      login: typeof loginOf === "function" ? loginOf("node") : loginOf,
      ...(identity && { hostsKey: identity.hostsKeyFile }),
    },
    () => workers.metrics(),
  );
  endings.push(endWithProcess(() => node.kill()));
  endings.push(() => node.close());
  const drained = { graceMs: DRAIN_GRACE_MS, lameDuckMs: options.lameDuckMs };
  endings.push(async () => void (await Promise.all([gateway.drain(drained), workers.close()])));
  endings.push((await serveRegistry({ nats, log, specs: gateway.specs })).close);
  await startWorkers(workers, options);
  log.debug({ pid: node.pid }, "node-runner started");
  signal.throwIfAborted();
  const { inspectAddress, runtara } = node;
  return {
    nats: operator ?? nats,
    natsUrl: url,
    gateway,
    inspectAddress,
    runtara,
    login: identity && operatorLogin(dataDir),
  };
}

/** Keeps the identity and the copies of a network, or of a tenant. */
async function keepWhole(
  { tenant, dataDir, log }: WorldOptions,
  { nats, url, network }: { nats: Nats; url: string; network: Network | undefined },
): Promise<(() => void)[]> {
  const copies = keepCopies(nats, log);
  if (network === undefined) return tenant === undefined ? [copies] : [copies, await tenant.keep(nats, log)];
  const identity = await keepIdentity({ nats, url, network, log });
  return [copies, identity, answerJoins({ nats, network, dataDir, route: network.route, log })];
}

function ofTenant(tenant: Tenant | undefined) {
  return tenant && { url: tenant.url, network: undefined, login: (role: LocalRole) => tenant.login(role) };
}

/** Starts the gateway's other processes. With first pushes they follow those: this process alone knows of them. */
async function startWorkers(workers: GatewayWorkers, { firstPushes, signal }: WorldOptions): Promise<void> {
  const start = () => workers.start();
  if (firstPushes !== undefined) void firstPushes.then(start, start);
  else await Promise.race([start(), once(signal, "abort")]);
}

/** Starts gateway and node-runner side by side. If one fails the other ends. */
async function startParts(
  {
    http,
    grpc,
    grpcTls,
    httpMaxAgeMs,
    grpcMaxAgeMs,
    metrics,
    dataDir,
    keysDir = join(dataDir, KEYS_FOLDER),
    trustedProxies,
    interfaces,
    shortPath,
    nodeArguments,
    hasOwnKey,
    environment,
    inspect,
    firstPushes,
    log,
    signal,
  }: WorldOptions,
  { nats, traces }: { nats: Nats; traces: Traces | undefined },
  access: { natsUrl: string; login: NatsLogin; hostsKey?: string },
  otherMetrics: () => Promise<MetricValues[]>,
): Promise<[NodeProcess, Gateway]> {
  let started: NodeProcess | undefined;
  const [node, gateway] = await Promise.allSettled([
    startNodeProcess({
      ...access,
      cacheDir: join(dataDir, "cache"),
      ...(hasOwnKey ? { secretsKeyFile: join(dataDir, SECRETS_KEY_FILE) } : {}),
      nodeArguments: [...nodeArguments, "--keys", keysDir],
      environment,
      ...(inspect === undefined ? {} : { inspect }),
      logLevel: log.level,
      log,
      signal,
    }).then((process) => {
      started = process;
      return process;
    }),
    startGateway({
      nats,
      http,
      grpc,
      ...(grpcTls && { grpcTls }),
      httpMaxAgeMs,
      grpcKeepAlive: { maxAgeMs: grpcMaxAgeMs },
      metrics,
      ...{ trustedProxies, interfaces },
      shortPath,
      otherMetrics,
      nodePages: { read: (path) => readNodePage(started, path) },
      traces,
      log,
      ...(firstPushes === undefined ? {} : { firstPushes }),
    }),
  ]);
  if (node.status === "fulfilled" && gateway.status === "fulfilled") return [node.value, gateway.value];
  if (node.status === "fulfilled") await node.value.close();
  if (gateway.status === "fulfilled") await gateway.value.close();
  throw gateway.status === "rejected" ? gateway.reason : node.status === "rejected" ? node.reason : undefined;
}

/** How long the node-runner may take to answer a page. */
const PAGE_TIMEOUT_MS = 3_000;

/** A page of the node-runner. Undefined while it does not run. */
async function readNodePage(node: NodeProcess | undefined, path: string): Promise<string | undefined> {
  if (node?.metricsUrl === undefined) return undefined;
  try {
    const response = await fetch(`${node.metricsUrl}${path}`, {
      signal: AbortSignal.timeout(PAGE_TIMEOUT_MS),
    });
    return response.ok ? await response.text() : undefined;
  } catch {
    return undefined;
  }
}

async function openEmbedded(
  options: WorldOptions,
  progress: Progress,
  lock: Awaited<ReturnType<typeof lockDataDir>>,
  endings: (() => Promise<void> | void)[],
): Promise<EmbeddedNats> {
  const {
    natsServer,
    natsPort,
    listen = "127.0.0.1",
    cluster,
    join,
    dataDir,
    environment,
    log,
    signal,
  } = options;
  const { path } = await findNatsServer({
    named: natsServer,
    env: environment,
    signal,
    onProgress: (step) => progress.update(describeProgress(step)),
  });
  progress.update("starting nats-server");
  const onSpawn = (pid: number) => lock.recordNats(pid);
  const nats = await startEmbeddedNats({
    ...{ binary: path, dataDir, listen, natsPort, cluster, join, log, onSpawn, signal },
    onStep: (step) => progress.update(step),
  });
  endings.push(endWithProcess(() => nats.server.pid && sendSignal(nats.server.pid, "SIGTERM")));
  endings.push(() => nats.close());
  return nats;
}

/** Calls `end` when this process exits. The returned function cancels the call. */
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

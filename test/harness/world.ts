/**
 * A whole narun for a test: a real nats-server, gateways in this process, node-runners in processes of their own, so that each
 * can be killed. It ends in the order of `narun up`, and fails if one of its processes is left.
 */
import { pino } from "pino";
import { inject } from "vitest";
import { startNodeProcess } from "../../cli/world/node-process.ts";
import type { LogLine } from "../../contracts/index.ts";
import { type PushResult, pushBuild } from "../../control/index.ts";
import { findRunningInstances, type RunningInstance } from "../../control/instances.ts";
import { type Gateway, type GatewayOptions, startGateway } from "../../gateway/index.ts";
import { connectNats, type Nats, readLogs } from "../../nats/index.ts";
import { type Events, recordEvents } from "./events.ts";
import { eventually } from "./eventually.ts";
import { buildSource, type Source } from "./function-source.ts";
import { type Link, startLink } from "./link.ts";
import { startTestNats, type TestNats } from "./nats.ts";
import { startTestNode, type TestNode } from "./node-process.ts";

/** The transport of every connection, as `narun` reads it. */
const TRANSPORT = process.env.NARUN_NATS_TRANSPORT === "plain" ? "plain" : "own";

/** The way of requests to hosts of this machine, as `narun` reads it. */
const SHORT_PATH = process.env.NARUN_SHORT_PATH === "off" ? "off" : "auto";

export interface WorldOptions {
  /** How many node-runners: `node-0`, `node-1`, … Default 1. */
  nodes?: number;
  /** Also starts a node-runner that is restarted when it dies, as in `narun up`. */
  supervised?: boolean;
  /** The address of a running server. Default: the world starts a server of its own. */
  natsUrl?: string;
  /** Nodes and gateways reach NATS through a link that the test can break. Requests go over NATS by default. */
  isLinked?: boolean;
  /** Options of the first gateway: bounds of the hold, static routes. */
  gateway?: Partial<
    Pick<
      GatewayOptions,
      | "hold"
      | "config"
      | "defaultTimeoutMs"
      | "shortPath"
      | "traces"
      | "caddy"
      | "trustedProxies"
      | "http"
      | "metrics"
      | "grpcTls"
      | "grpcKeepAlive"
      | "interfaces"
    >
  >;
  /** The addresses that the nodes deny to functions. */
  egressDeny?: readonly string[];
  /** Further arguments of `narun node`. */
  nodeArguments?: readonly string[];
  /** The master key of secrets, for the nodes. */
  secretsKey?: string;
  /** The folder in which nodes keep bundles. Default: one folder for the whole test run. */
  cacheDir?: string;
}

/** An answer with its whole body. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The code of the error catalogue, if the answer is a problem. */
  code: string | undefined;
  /** The detail of this occurrence. */
  detail: string | undefined;
}

export interface World extends Events, AsyncDisposable {
  readonly nats: TestNats;
  /** Throws if the world is not linked. */
  readonly link: Link;
  /** The test's own connection. */
  readonly connection: Nats;
  readonly gateway: Gateway;
  readonly nodes: readonly TestNode[];
  /** The pid of the supervised node-runner. It changes with every start. */
  supervisedPid(): number | undefined;
  startNode(name: string): Promise<TestNode>;
  /** Another gateway, with a connection of its own. */
  startGateway(options?: WorldOptions["gateway"]): Promise<Gateway>;
  /** Builds and pushes like `narun push`. `config` is added to `narun.yaml`. */
  push(name: string, source: Source, config?: Record<string, unknown>): Promise<PushResult>;
  /** An address of the first gateway. */
  url(path: string): string;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Like `fetch`, with the whole body. */
  call(path: string, init?: RequestInit): Promise<Answer>;
  /** The stored log lines of a function. */
  logs(name: string): Promise<LogLine[]>;
  /** The running instances as in `narun ps`: of one function, or all. */
  ps(name?: string): Promise<RunningInstance[]>;
  /** The first instance of a function in that list. A busy machine may answer too late for one list, so that it asks again. */
  listed(name: string): Promise<RunningInstance>;
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const closers = new AsyncDisposableStack();
  try {
    return await startParts(options, closers);
  } catch (error) {
    await closers.disposeAsync();
    throw error;
  }
}

async function startParts(options: WorldOptions, closers: AsyncDisposableStack): Promise<World> {
  const { nodes: nodeCount = 1, cacheDir = inject("nodeCache"), egressDeny = [] } = options;
  const { nodeArguments = [] } = options;
  const nats = options.natsUrl === undefined ? closers.use(await startTestNats()) : others(options.natsUrl);
  const link = options.isLinked === true ? closers.use(await startLink(nats.port)) : undefined;
  const { url: natsUrl } = link ?? nats;
  const connect = async (name: string, url = natsUrl) => {
    const connection = await connectNats({ url, name, transport: TRANSPORT });
    closers.defer(() => connection.close());
    return connection;
  };
  const connection = await connect("test", nats.url);
  const events = recordEvents(connection);
  await connection.flush();
  closers.defer(() => events.processesEnded());

  const nodes: TestNode[] = [];
  const startNode = async (name: string) => {
    const onEnding = events.noteProcess;
    const node = await startTestNode({
      secretsKey: options.secretsKey,
      name,
      natsUrl,
      cacheDir,
      egressDeny,
      nodeArguments,
      onEnding,
    });
    nodes.push(node);
    return node;
  };
  // All at once, so that they do not drain one after the other.
  closers.defer(async () => void (await Promise.all(nodes.map((node) => node.drain()))));
  const log = pino({ level: process.env.NARUN_TEST_LOG ?? "silent" });
  const startSupervised = async () => {
    const supervised = await startNodeProcess({
      natsUrl,
      cacheDir,
      environment: process.env,
      logLevel: "error",
      log,
    });
    closers.defer(() => supervised.close());
    return supervised;
  };
  const startOneGateway = async (gatewayOptions: WorldOptions["gateway"] = {}) => {
    const started = await startGateway({
      nats: await connect("gateway"),
      http: { host: "127.0.0.1", port: 0 },
      grpc: { host: "127.0.0.1", port: 0 },
      log,
      shortPath: options.isLinked === true ? "off" : SHORT_PATH,
      ...gatewayOptions,
    });
    closers.defer(() => started.close());
    return started;
  };
  const names = Array.from({ length: nodeCount }, (_, index) => `node-${index}`);
  const [gateway, supervised] = await Promise.all([
    startOneGateway(options.gateway),
    options.supervised === true ? startSupervised() : undefined,
    ...names.map(startNode),
  ]);
  nodes.sort((a, b) => a.name.localeCompare(b.name));

  const url = (path: string) => gateway.httpUrl + path;
  const ps = async (name?: string) =>
    (await findRunningInstances(connection)).filter((one) => name === undefined || one.function === name);
  return {
    ...events,
    nats,
    get link() {
      if (link === undefined) throw new Error("the world is not linked");
      return link;
    },
    connection,
    gateway,
    nodes,
    supervisedPid: () => supervised?.pid,
    startNode,
    startGateway: startOneGateway,
    push: async (name, source, config) => pushBuild(connection, await buildSource(name, source, config)),
    url,
    fetch: (path, init) => fetch(url(path), init),
    call: async (path, init) => readAnswer(await fetch(url(path), init)),
    logs: (name) => Array.fromAsync(readLogs(connection, { app: name })),
    ps,
    listed: (name) =>
      eventually(async () => {
        const [instance] = await ps(name);
        if (instance === undefined) throw new Error(`no instance of ${name} is listed`);
        return instance;
      }),
    [Symbol.asyncDispose]: () => closers.disposeAsync(),
  };
}

/** A server that the test itself starts and ends. */
function others(url: string): TestNats {
  const refuse = () => {
    throw new Error("the nats-server is not this world's");
  };
  const close = async () => undefined;
  return {
    url,
    port: Number(new URL(url).port),
    get pid() {
      return refuse();
    },
    kill9: refuse,
    close,
    [Symbol.asyncDispose]: close,
  };
}

export async function readAnswer(response: Response): Promise<Answer> {
  const { status, headers } = response;
  const text = await response.text();
  if (headers.get("content-type") !== "application/problem+json") {
    return { status, headers, text, code: undefined, detail: undefined };
  }
  const { code, detail } = JSON.parse(text);
  return { status, headers, text, code, detail };
}

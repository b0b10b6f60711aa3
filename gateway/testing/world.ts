import { pino } from "pino";
import { type FunctionSpec, FunctionSpecSchema, stores } from "../../contracts/index.ts";
import { connectNats, type Nats, openSpecs } from "../../nats/index.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { type Gateway, type GatewayOptions, startGateway } from "../gateway.ts";
import { type PeerNode, type PeerNodeOptions, startPeerNode } from "./peer-node.ts";

export const REVISION = "a".repeat(64);
export const OTHER_REVISION = "b".repeat(64);

/** A nats-server, a gateway on it, and the peers that a test starts. All end with it. */
export interface GatewayWorld extends AsyncDisposable {
  readonly server: TestNats;
  /** The test's own connection. */
  readonly nats: Nats;
  readonly gateway: Gateway;
  /** Base URL. */
  readonly url: string;
  /** Every gateway has read the messages that nodes and instances have flushed: they come before the answer to its own flush. */
  heard(): Promise<void>;
  startGateway(options?: Partial<GatewayOptions>): Promise<Gateway>;
  startNode(options?: Partial<PeerNodeOptions>): Promise<PeerNode>;
  putSpec(spec: FunctionSpec): Promise<void>;
  /** Writes an invalid spec, or a service's spec of the original toolkit. */
  putRawSpec(name: string, yaml: string): Promise<void>;
  deleteSpec(name: string): Promise<void>;
}

export interface WorldOptions {
  specs?: FunctionSpec[];
  gateway?: Partial<GatewayOptions>;
  /** The program of its nats-server. Default: that of the test run. */
  natsServer?: string | undefined;
}

/** A function's spec. `facts` replace the defaults. */
export function specOf(name: string, facts: Record<string, unknown> = {}): FunctionSpec {
  return FunctionSpecSchema.parse({
    name,
    revision: REVISION,
    routes: [{ path: `/${name}` }, { path: `/${name}/*` }],
    ...facts,
  });
}

export async function startGatewayWorld({
  specs = [],
  gateway = {},
  natsServer,
}: WorldOptions = {}): Promise<GatewayWorld> {
  const closers = new AsyncDisposableStack();
  const server = closers.use(await startTestNats({ binary: natsServer }));
  const connect = async (name: string) => {
    const nats = await connectNats({ url: server.url, name });
    closers.defer(() => nats.close());
    return nats;
  };
  const nats = await connect("test");
  const store = await openSpecs(nats);
  const putSpec = async (spec: FunctionSpec) => {
    await store.put(spec.name, { kind: "function", spec });
  };
  for (const spec of specs) await putSpec(spec);

  const ofGateways: Nats[] = [];
  const start = async (options: Partial<GatewayOptions> = {}) => {
    const connection = await connect("gateway");
    ofGateways.push(connection);
    const started = await startGateway({
      nats: connection,
      http: { host: "127.0.0.1", port: 0 },
      grpc: { host: "127.0.0.1", port: 0 },
      log: pino({ level: process.env.NARUN_TEST_LOG ?? "silent" }),
      ...options,
    });
    closers.defer(() => started.close());
    return started;
  };
  const first = await start(gateway);
  let nodes = 0;
  const heard = async () => void (await Promise.all(ofGateways.map((connection) => connection.flush())));
  return {
    server,
    nats,
    gateway: first,
    url: first.httpUrl,
    startGateway: start,
    heard,
    async startNode(options = {}) {
      const node = closers.use(await startPeerNode({ url: server.url, node: `node-${nodes++}`, ...options }));
      await heard();
      return node;
    },
    putSpec,
    async putRawSpec(name, yaml) {
      // The typed store refuses invalid values. A bucket's keys are subjects of its stream.
      nats.publish(`$KV.${stores.configs.bucket}.${name}`, yaml);
      await nats.flush();
    },
    deleteSpec: (name) => store.delete(name),
    [Symbol.asyncDispose]: () => closers.disposeAsync(),
  };
}

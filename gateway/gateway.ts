/**
 * Puts the gateway together, and takes it apart in this order:
 *
 * 0  For `lameDuckMs` it serves as before, and says that it leaves: `/healthz` is 503, answers have `Connection: close`.
 *    Proxies go to other gateways meanwhile, so that nothing of theirs is refused (lame-duck.ts).
 * 1  Requests on connections that are kept alive get 503 GATEWAY_DRAINING and `Connection: close`; new connections and new
 *    requests over NATS are not taken any more.
 * 2  What is in flight or held is finished, for `graceMs` at most. Functions whose answers stream hear of it soon
 *    (`ctx.signal`), the others when little of the grace is left.
 * 3  What is left is answered with an error.
 * 4  The listeners are closed.
 * 5  The subscriptions, watches and timers end. The NATS connection is its owner's to close.
 */
import type { Server } from "node:http";
import { Server as NetServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { GATEWAY_SERVICE, type GatewayStats, messageOf, warnOfDrain } from "../contracts/index.ts";
import type { Log } from "../dispatch/index.ts";
import {
  aborted,
  createDemand,
  createInstanceInquiries,
  createInstances,
  createSpecs,
  Dispatcher,
  defaultHoldLimits,
  type HoldLimits,
} from "../dispatch/index.ts";
import { type Address, listen } from "../machine/index.ts";
import { followNodes, Ledger, type MicroService, type Nats, registerMicroService } from "../nats/index.ts";
import { createPeers, createStreamPresence } from "../streams/index.ts";
import type { CompatConfig } from "./config.ts";
import { trustIn } from "./http/forwarded.ts";
import { createGathering } from "./http/gathering.ts";
import { untilLeft } from "./http/lame-duck.ts";
import { createHttpServer } from "./http/server.ts";
import { createInvokeEndpoints } from "./invoke/invoke.ts";
import { createRelay } from "./invoke/relay.ts";
import { createMetrics, createMetricsServer } from "./metrics.ts";
import { createReadiness } from "./readiness.ts";
import { createRouteTable, type RouteTable } from "./routes.ts";
import { createWebSockets } from "./websocket/websocket.ts";

export interface GatewayOptions {
  /** Stays its owner's: the gateway never closes it. */
  nats: Nats;
  /** Where HTTP is taken. Port 0 picks a free one. */
  http: Address;
  /** Where `/metrics`, `/healthz` and `/readyz` are served. Default: nowhere. */
  metrics?: Address;
  /** The original toolkit's configuration: its routes stand beside those of the functions. */
  config?: CompatConfig;
  /** Bounds of what is held, and for how long one request is, in milliseconds (default 15,000). */
  hold?: Partial<HoldLimits> & { holdMs?: number };
  /** From arrival to answer, for services without a spec. Default: the config's `request_timeout_seconds`, else 30,000. */
  defaultTimeoutMs?: number;
  /**
   * Addresses and networks (CIDR) of proxies that are believed who the client is, and what it asked for. Default: those of
   * the configuration.
   */
  trustedProxies?: readonly string[];
  /**
   * Functions that are pushed as this starts: until it settles, a path without a route is answered 503 FIRST_PUSHES.
   * Default: there are none.
   */
  firstPushes?: Promise<unknown>;
  log: Log;
}

export interface Gateway {
  /** Base URL, without a slash at the end. */
  readonly httpUrl: string;
  readonly metricsUrl: string | undefined;
  /** The requests that are here, by service: held for want of a consumer, or with one. */
  counts(): Map<string, { held: number; inFlight: number }>;
  /**
   * Says for `lameDuckMs` that it leaves (default 0; shorter where no connection is open), then takes nothing new, finishes
   * what it has, for `graceMs` at most, and closes.
   */
  drain(options: { graceMs: number; lameDuckMs?: number }): Promise<void>;
  /** Closes at once; what is left is answered with an error. */
  close(): Promise<void>;
}

const DEFAULT_HOLD_MS = 15_000;
const DEFAULT_TIMEOUT_MS = 30_000;
const VERSION = "1.0.0";

/** Starts a gateway; resolves when it takes requests. Error: ADDRESS_IN_USE. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { nats, log } = options;
  warnOfGrpcRoutes(options.config, log);
  const isTrusted = trustIn(options.trustedProxies ?? options.config?.trusted_proxies ?? []);
  const state = { isLeaving: false, isDraining: false, isFilling: options.firstPushes !== undefined };
  const onFilled = () => {
    state.isFilling = false;
  };
  options.firstPushes?.then(onFilled, onFilled);
  const parts = createParts(options);
  const { specs, specOf, metrics, dispatcher, defaultTimeoutMs, routes } = parts;
  const isDraining = () => state.isDraining;
  const { relay, ledger } = parts;
  const common = { nats, dispatcher, relay, ledger, specOf, defaultTimeoutMs, log };
  const webSockets = createWebSockets();
  const server = createHttpServer({
    ...common,
    gathering: parts.gathering,
    routes,
    isLeaving: () => state.isLeaving,
    isDraining,
    isFilling: () => state.isFilling,
    metrics,
    webSockets,
    isTrusted,
  });
  const isHealthy = () => nats.state === "connected" && !state.isLeaving;
  const metricsServer = createMetricsServer(metrics, { isHealthy, findProblem: createReadiness(nats) });

  const watching = new AbortController();
  const tearDown = () => {
    for (const one of [server, metricsServer]) {
      one.close();
      one.closeAllConnections();
    }
    webSockets.close();
    watching.abort();
    parts.close();
  };
  try {
    await specs.watch(watching.signal);
    void parts.instances.discover();
    const metricsUrl = options.metrics && (await listen(metricsServer, options.metrics, "--metrics"));
    const httpUrl = await listen(server, options.http, "--http");
    const service = registerMicroService(nats, {
      name: GATEWAY_SERVICE,
      version: VERSION,
      description: "narun's gateway",
      metadata: {
        "narun.http": httpUrl,
        ...(metricsUrl === undefined ? {} : { "narun.metrics": metricsUrl }),
      },
      endpoints: createInvokeEndpoints(common),
      stats: (): GatewayStats => ({ specs: specs.revision(), outdated: outdatedOf(parts) }),
    });
    await nats.confirm();
    log.info({ http: httpUrl, metrics: metricsUrl }, "the gateway takes requests");

    let drained: Promise<void> | undefined;
    const drain = async (graceMs: number, lameDuckMs: number) => {
      state.isLeaving = true;
      if (lameDuckMs > 0) await untilLeft(server, lameDuckMs);
      state.isDraining = true;
      webSockets.drain();
      await finishRequests({ server, service, dispatcher, log, graceMs });
      service.close();
      tearDown();
      log.info("the gateway is closed");
    };
    return {
      httpUrl,
      metricsUrl,
      counts: () => dispatcher.counts(),
      drain: ({ graceMs, lameDuckMs = 0 }) => (drained ??= drain(graceMs, lameDuckMs)),
      close: () => (drained ??= drain(0, 0)),
    };
  } catch (error) {
    tearDown();
    throw error;
  }
}

/** For so long the answers that the end of the grace brought may still be written. */
const LAST_WORDS_MS = 250;

interface Drained {
  server: Server;
  service: MicroService;
  dispatcher: Dispatcher;
  log: Log;
  graceMs: number;
}

/** Steps 1 to 3. */
async function finishRequests({ server, service, dispatcher, log, graceMs }: Drained): Promise<void> {
  const grace = aborted(AbortSignal.timeout(graceMs));
  const callOff = warnOfDrain(graceMs, (whom) => dispatcher.warn(whom));
  // Node's own `close` would also cut the idle connections, under requests that are already on their way.
  const closed = new Promise<void>((resolve) => server.once("close", resolve));
  NetServer.prototype.close.call(server);
  const refusing = service.drain().catch((error: unknown) => {
    log.debug({ error: messageOf(error) }, "NATS is gone before the gateway");
  });
  await Promise.race([refusing.then(() => dispatcher.idle()), grace]);
  // A body that is still being read is not with the dispatcher yet: its connection tells.
  server.closeIdleConnections();
  await Promise.race([closed, grace]);
  callOff();
  dispatcher.abort();
  server.closeIdleConnections();
  await Promise.race([closed, sleep(LAST_WORDS_MS)]);
}

/** What knows, and what decides. They refer to one another: nothing calls back before all are made. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
function createParts({ nats, log, config, ...options }: GatewayOptions) {
  const { holdMs = DEFAULT_HOLD_MS, ...limits } = options.hold ?? {};
  const configured = config?.request_timeout_seconds;
  const defaultTimeoutMs =
    options.defaultTimeoutMs ?? (configured === undefined ? DEFAULT_TIMEOUT_MS : configured * 1_000);
  let table: RouteTable | undefined;

  const specs = createSpecs({
    nats,
    log,
    onChange(name) {
      table = undefined;
      demand.look(name);
    },
  });
  const specOf = (service: string) => specs.get(service);
  const metrics = createMetrics({ counts: () => dispatcher.counts() });
  const nodes = followNodes({
    nats,
    onAppeared() {
      // If it was away, what still runs there was given up.
      void instances.discover();
      demand.look();
    },
    onLost(node, why) {
      log.info({ node, why }, "a node-runner is lost");
      instances.leave(node, why);
    },
  });
  const instances = createInstances({
    nats,
    log,
    onNode: nodes.expect,
    onReady: (instance, announcement) => dispatcher.onReady(instance, announcement),
    onSilent: (instance) => dispatcher.hear("silent", ({ target }) => target === instance),
    onLost: (instance) => dispatcher.hear("gone", ({ target }) => target === instance),
  });
  const demand = createDemand({
    nats,
    nodes,
    instances,
    specOf,
    isStarving: (service) => dispatcher.isStarving(service),
    onForeign: (service) => dispatcher.onForeign(service),
    onBroken: (service, code) => dispatcher.onBroken(service, code),
    log,
  });
  const presence = createStreamPresence(nats);
  const holdLimits = { ...defaultHoldLimits, ...limits };
  const dispatcher = new Dispatcher({
    nats,
    presence,
    instances,
    specOf,
    wake: demand.wake,
    limits: holdLimits,
    holdMs,
    observer: metrics,
    log,
  });
  const inquiries = createInstanceInquiries({ nats, dispatcher });
  const peers = createPeers(nats);
  const ledger = new Ledger(nats);
  const relay = createRelay({ nats, peers, ledger, id: presence.peer });
  const forget = nats.onState((state) => {
    if (state !== "connected") return;
    void instances.discover();
    dispatcher.onReconnect();
    inquiries.onReconnect();
    demand.look();
  });
  return {
    specs,
    specOf,
    /** Made anew at the first request after a change, so that a thousand changes at the start make one table. */
    routes: () => (table ??= createRouteTable(specs.all(), config)),
    metrics,
    instances,
    dispatcher,
    gathering: createGathering(holdLimits),
    relay,
    ledger,
    defaultTimeoutMs,
    close() {
      forget();
      inquiries.close();
      ledger.close();
      relay.close();
      peers.close();
      presence.close();
      demand.close();
      instances.close();
      nodes.close();
    },
  };
}

function outdatedOf({
  specs,
  instances,
}: Pick<ReturnType<typeof createParts>, "specs" | "instances">): string[] {
  return [...specs.all()].flatMap(({ name, revision }) => {
    const ready = instances.ready(name);
    return ready.length > 0 && !ready.some((one) => one.revision === revision) ? [name] : [];
  });
}

function warnOfGrpcRoutes(config: CompatConfig | undefined, log: Log): void {
  const services = (config?.routes ?? []).flatMap(({ grpc }) => grpc ?? []);
  if (services.length === 0) return;
  log.warn(
    { services },
    "this build has no gRPC listener: the `grpc` routes of the configuration are not served",
  );
}

/**
 * Puts the gateway together, and takes it apart in this order:
 *
 * 0  For `lameDuckMs` it serves as before, and tells that it leaves: `/healthz` is 503, answers have `Connection: close`, and
 *    a Caddy that it keeps in step is told, where that does not look at `/healthz`. Proxies go to other gateways meanwhile, so that none of their requests is refused (lame-duck.ts).
 * 1  Requests on connections that are kept alive get 503 GATEWAY_DRAINING and `Connection: close`. New connections and new
 *    requests over NATS are no longer taken.
 * 2  Requests in flight and held requests are finished, within `graceMs`. Functions whose answers stream are told soon
 *    (`ctx.signal`), the other functions when little of the grace is left.
 * 3  The remaining requests are answered with an error.
 * 4  The doors are closed.
 * 5  The subscriptions, watches and timers end. The owner of the NATS connection closes it.
 */
import type { HoldLimits, Log, ShortPath } from "../dispatch/index.ts";
import { Dispatch, type SpecFeed } from "../dispatch/index.ts";
import type { Address } from "../machine/index.ts";
import { keepCopies, type Nats } from "../nats/index.ts";
import type { Traces } from "../traces/index.ts";
import { createAsyncDoor } from "./async/async-door.ts";
import { type CaddyState, CaddySync } from "./caddy/caddy-sync.ts";
import { type CompatConfig, wiresOf } from "./config.ts";
import type { Addresses, Door } from "./door.ts";
import { Doors } from "./doors.ts";
import { createEventDoor } from "./events/event-door.ts";
import type { EventLimits } from "./events/event-door-options.ts";
import { grpcDoor } from "./grpc/door.ts";
import { createGrpcRoutes, type GrpcRoutes } from "./grpc/routes.ts";
import type { KeepAlive, ServerTls } from "./grpc/server.ts";
import { httpDoor } from "./http/door.ts";
import { type IsTrusted, trustIn } from "./http/forwarded.ts";
import { createGathering } from "./http/gathering.ts";
import { Mount } from "./http/mount.ts";
import { joinOwnPaths, type OwnPaths } from "./http/own-paths.ts";
import type { ServeOptions } from "./http/passage.ts";
import { createInterfaceDoor, type InterfaceOptions } from "./interface/interface-door.ts";
import { invokeDoor } from "./invoke/door.ts";
import { createMetrics, type Metrics, type MetricValues } from "./metrics.ts";
import { metricsDoor } from "./metrics-door.ts";
import type { NodePages } from "./metrics-pages.ts";
import { createReadiness } from "./readiness.ts";
import { createRouteTable, type RouteTable } from "./routes.ts";
import { GatewayTraces } from "./traces/gateway-traces.ts";

export interface GatewayOptions {
  /** The gateway never closes it. */
  nats: Nats;
  /** The address of HTTP; port 0 picks a free one. Or the mount that takes the requests of an application. */
  http: Address | Mount;
  /** How old a connection of HTTP gets, about: its next answer closes it. 0: no bound. Default 1,800,000. */
  httpMaxAgeMs?: number | undefined;
  /** The address of gRPC. Port 0 picks a free one. Default: none. */
  grpc?: Address | undefined;
  /** The certificate and the key of gRPC, as PEM. Default: HTTP/2 without TLS. */
  grpcTls?: ServerTls;
  /** How connections of gRPC are kept. */
  grpcKeepAlive?: Partial<KeepAlive>;
  /** The address of `/metrics`, `/healthz` and `/readyz`. Default: none. */
  metrics?: Address;
  /** The original toolkit's configuration. Its routes are served beside the functions' routes. */
  config?: CompatConfig;
  /** Bounds of the held requests. `holdMs`: how long a request is held (default 15,000). */
  hold?: Partial<HoldLimits> & { holdMs?: number };
  /** Whether requests go by the sockets of hosts on the same machine (default `auto`: where they can), or over NATS only. */
  shortPath?: ShortPath;
  /** Bounds of the readers of events. */
  eventReaders?: Partial<EventLimits>;
  /** From arrival to answer, for services without a spec. Default: the config's `request_timeout_seconds`, else 30,000. */
  defaultTimeoutMs?: number;
  /**
   * Addresses and networks (CIDR) of trusted proxies: their fields tell the client, the scheme and the host. Default:
   * `trusted_proxies` of the configuration.
   */
  trustedProxies?: readonly string[];
  /**
   * Pushes that are under way at the start. Until the promise settles, a path without a route is answered 503 FIRST_PUSHES.
   * Default: no pushes.
   */
  firstPushes?: Promise<unknown>;
  /** The admin API of a Caddy that is kept in step: it serves the functions' `hosts`. Default: none. */
  caddy?: URL;
  /** The metrics of the gateway's other processes. They are added to its own. Default: none. */
  otherMetrics?: () => Promise<readonly MetricValues[]>;
  /** The pages of a node-runner beside the gateway. Its metrics are added to the gateway's own. Default: none. */
  nodePages?: NodePages;
  /** The descriptions of services, at paths that no route takes. Default: nothing. */
  interfaces?: InterfaceOptions;
  /** Where the spans of requests go, and which traces are recorded. Default: a client's trace goes through as it is. */
  traces?: Traces | undefined;
  log: Log;
}

export interface Gateway {
  /** Base URL, without a slash at the end. */
  readonly httpUrl: string;
  /** `HOST:PORT`, as clients of gRPC name their target. */
  readonly grpcAddress: string | undefined;
  readonly metricsUrl: string | undefined;
  /** The number of requests, by service: held without a consumer, or in flight at one. */
  counts(): Map<string, { held: number; inFlight: number }>;
  /** The changes of specs that it follows, for other parts of its process. */
  readonly specs: Pick<SpecFeed, "follow">;
  /** Its metrics, for a process that adds them to its own. */
  metricValues(): Promise<MetricValues>;
  /**
   * Tells for `lameDuckMs` that it leaves (default 0; shorter where no connection is open). Then it takes no new requests,
   * finishes its open ones within `graceMs`, and closes.
   */
  drain(options: { graceMs: number; lameDuckMs?: number }): Promise<void>;
  /** Closes at once. The remaining requests are answered with an error. */
  close(): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/** Starts a gateway; resolves when it takes requests. Error: ADDRESS_IN_USE. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { nats, log, config, hold, shortPath } = options;
  const isTrusted = trustIn(options.trustedProxies ?? config?.trusted_proxies ?? []);
  warnOfGrpcRoutes(options);
  const routes = onDemand(() => createRouteTable(dispatch.specs.all(), config, dispatch.consumers.all()));
  const grpcRoutes = onDemand(() => createGrpcRoutes(dispatch.specs.all(), config));
  const metrics = createMetrics({
    counts: () => dispatch.dispatcher.active.counts(),
    others: options.otherMetrics,
    caddy: options.caddy && (() => caddyFigures(caddy?.state)),
  });
  const traces = options.traces && new GatewayTraces(options.traces);
  const dispatch = new Dispatch({
    ...{ nats, log },
    wires: wiresOf(config?.routes ?? []),
    observer: traces?.observing(metrics) ?? metrics,
    onSpecs() {
      routes.forget();
      grpcRoutes.forget();
      own.forget();
      caddy?.changed();
    },
    ...{ ...(hold && { hold }), ...(shortPath && { shortPath }) },
  });
  const own = createOwnPaths(options, dispatch, { metrics, traces });
  const state = { isLeaving: false };
  let caddy: CaddySync | undefined;
  const doors: Doors = new Doors(
    createDoors(options, {
      dispatch,
      own,
      metrics,
      traces,
      isTrusted,
      routes: routes.get,
      grpcRoutes: grpcRoutes.get,
      isHealthy: () => nats.state === "connected" && !state.isLeaving,
      addresses: () =>
        new Map(options.caddy ? [...doors.addresses, ["caddy", options.caddy.origin]] : doors.addresses),
    }),
    dispatch.dispatcher,
  );
  await open(dispatch, doors);
  const { http = "", grpc, metrics: metricsUrl } = tellAddresses(doors, log);
  caddy = followCaddy(options, doors, dispatch);
  const endCopies = keepCopies(nats, log);

  let drained: Promise<void> | undefined;
  const drain = async (graceMs: number, lameDuckMs: number) => {
    await caddy?.beginLeaving();
    state.isLeaving = true;
    if (lameDuckMs > 0) await doors.leave(lameDuckMs);
    await doors.drain(graceMs);
    await caddy?.leave();
    endCopies();
    dispatch.close();
    log.info("the gateway is closed");
  };
  return {
    httpUrl: http,
    grpcAddress: grpc,
    metricsUrl,
    counts: () => dispatch.dispatcher.active.counts(),
    metricValues: metrics.values,
    specs: dispatch.feed,
    drain: ({ graceMs, lameDuckMs = 0 }) => (drained ??= drain(graceMs, lameDuckMs)),
    close: () => (drained ??= drain(0, 0)),
  };
}

function tellAddresses({ addresses }: Doors, log: GatewayOptions["log"]): Record<string, string | undefined> {
  const { http, grpc, metrics } = Object.fromEntries(addresses);
  log.info({ http, grpc, metrics }, "the gateway takes requests");
  return { http, grpc, metrics };
}

async function open(dispatch: Dispatch, doors: Doors): Promise<void> {
  try {
    await dispatch.start();
    await doors.listen();
  } catch (error) {
    await doors.close();
    dispatch.close();
    throw error;
  }
}

/** A table that is built when it is asked for, so that a thousand changes at the start build one. */
function onDemand<Table>(build: () => Table): { get(): Table; forget(): void } {
  let table: Table | undefined;
  return {
    get: () => (table ??= build()),
    forget() {
      table = undefined;
    },
  };
}

function followCaddy({ caddy: admin, nats, log }: GatewayOptions, doors: Doors, { specs }: Dispatch) {
  if (admin === undefined) return undefined;
  return new CaddySync({ admin, nats, log, addresses: () => doors.addresses, specs: () => specs.all() });
}

/** Without a state it is not asked yet. */
function caddyFigures(state: CaddyState | undefined): { isInStep: boolean; conflicts: number } {
  if (state?.kind !== "in step") return { isInStep: false, conflicts: 0 };
  return { isInStep: true, conflicts: state.conflicts.length };
}

interface DoorParts {
  dispatch: Dispatch;
  own: OwnPaths<ServeOptions>;
  metrics: Metrics;
  traces: GatewayTraces | undefined;
  isTrusted: IsTrusted;
  routes(): RouteTable;
  grpcRoutes(): GrpcRoutes;
  isHealthy(): boolean;
  addresses(): Addresses;
}

function createOwnPaths(
  options: GatewayOptions,
  dispatch: Dispatch,
  { metrics, traces }: Pick<DoorParts, "metrics" | "traces">,
): OwnPaths<ServeOptions> {
  const { nats, log, eventReaders: limits } = options;
  const specs = () => dispatch.specs.all();
  return joinOwnPaths([
    createEventDoor({ nats, log, limits, metrics: metrics.events, specs }),
    createInterfaceDoor({ ...options.interfaces, ...callsOf(options, dispatch, traces), specs }),
  ]);
}

/** The parts of the doors that bring requests to functions. */
function callsOf(
  { nats, log, config, ...options }: GatewayOptions,
  { dispatcher, specOf }: Dispatch,
  traces: GatewayTraces | undefined,
) {
  const configured = config?.request_timeout_seconds;
  const defaultTimeoutMs =
    options.defaultTimeoutMs ?? (configured === undefined ? DEFAULT_TIMEOUT_MS : configured * 1_000);
  return { nats, dispatcher, specOf, defaultTimeoutMs, traces, log };
}

/** The doors in the order in which they open. The service of the last door announces the others. */
function createDoors(options: GatewayOptions, parts: DoorParts): Door[] {
  const { nats, log } = options;
  const { dispatch, own, metrics, traces, isTrusted, routes, grpcRoutes, isHealthy, addresses } = parts;
  const { specs, specOf, limits, presence } = dispatch;
  const common = callsOf(options, dispatch, traces);
  const ofMetrics =
    options.metrics &&
    metricsDoor(
      options.metrics,
      metrics,
      { isHealthy, findProblem: createReadiness(nats) },
      options.nodePages,
    );
  const isFilling = untilSettled(options.firstPushes);
  const calls = createAsyncDoor({ nats, specOf, log });
  const ofHttp = {
    ...common,
    calls,
    own,
    gathering: createGathering(limits),
    routes,
    isFilling,
    metrics,
    isTrusted,
    maxAgeMs: options.httpMaxAgeMs,
  };
  const { grpc: address, grpcTls: tls, grpcKeepAlive: keepAlive } = options;
  const ofGrpc =
    address &&
    grpcDoor({
      ...common,
      ...{ address, tls, keepAlive, routes: grpcRoutes, isFilling, metrics, isTrusted, isHealthy },
      canServe: (service) => dispatch.canServe(service),
    });
  return [
    ...(ofMetrics === undefined ? [] : [ofMetrics]),
    ...(ofGrpc === undefined ? [] : [ofGrpc]),
    options.http instanceof Mount
      ? options.http.door(ofHttp)
      : httpDoor({ ...ofHttp, address: options.http }),
    invokeDoor({
      ...common,
      presence,
      addresses,
      stats: () => ({ specs: specs.revision(), outdated: dispatch.outdated() }),
    }),
  ];
}

/** Whether a promise is still pending. No promise counts as settled. */
function untilSettled(promise: Promise<unknown> | undefined): () => boolean {
  let isPending = promise !== undefined;
  const settle = () => {
    isPending = false;
  };
  promise?.then(settle, settle);
  return () => isPending;
}

function warnOfGrpcRoutes({ grpc: address, config, log }: GatewayOptions): void {
  const services = (config?.routes ?? []).flatMap(({ grpc }) => grpc ?? []);
  if (address !== undefined || services.length === 0) return;
  log.warn(
    { services },
    "no address for gRPC is given: the `grpc` routes of the configuration are not served",
  );
}

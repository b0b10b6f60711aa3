/**
 * The routes that a gateway keeps in Caddy: one for HTTP, one for gRPC. Pure.
 *
 * I1  Gateways of one world make the same route out of the same functions; only the upstreams differ, one for each gateway.
 * I2  A path that another route has at the same host stays with that route.
 */
import { isDeepStrictEqual } from "node:util";
import type { FunctionSpec } from "../../contracts/index.ts";

/** A route as Caddy's JSON has it. It may have keys that narun does not write. */
export type CaddyRoute = { "@id"?: unknown; match?: unknown; handle?: unknown } & Record<string, unknown>;

export type CaddyServer = { "@id"?: unknown; listen?: unknown; routes?: unknown } & Record<string, unknown>;

/** A host and the paths below it that functions have. */
export interface Site {
  host: string;
  paths: string[];
}

export interface Upstream {
  "@id": string;
  dial: string;
}

/** The paths by host, in order. */
export function sitesOf(specs: Iterable<FunctionSpec>, pathsOf: (spec: FunctionSpec) => string[]): Site[] {
  const byHost = new Map<string, Set<string>>();
  for (const spec of specs) {
    const paths = pathsOf(spec);
    if (paths.length === 0) continue;
    for (const host of spec.hosts ?? []) {
      const known = byHost.get(host) ?? new Set();
      for (const path of paths) known.add(path);
      byHost.set(host, known);
    }
  }
  return [...byHost]
    .map(([host, paths]) => ({ host, paths: [...paths].sort() }))
    .sort((a, b) => (a.host < b.host ? -1 : 1));
}

export const httpPaths = ({ routes }: FunctionSpec): string[] => routes.map(({ path }) => path);
export const grpcPaths = ({ grpc = [] }: FunctionSpec): string[] => grpc.map((service) => `/${service}/*`);

/** A path of a site that another route of Caddy has. */
export interface Conflict {
  host: string;
  path: string;
}

/** Leaves out the paths that other routes have at the same host (I2). */
export function withoutConflicts(
  sites: readonly Site[],
  others: readonly unknown[],
): { sites: Site[]; conflicts: Conflict[] } {
  const taken = new Set(others.flatMap(takenBy).map(({ host, path }) => keyOf(host, path)));
  const isTaken = (host: string, path: string) => taken.has(keyOf(host, path));
  const conflicts = sites.flatMap(({ host, paths }) =>
    paths.filter((path) => isTaken(host, path)).map((path) => ({ host, path })),
  );
  const left = sites
    .map(({ host, paths }) => ({ host, paths: paths.filter((path) => !isTaken(host, path)) }))
    .filter(({ paths }) => paths.length > 0);
  return { sites: left, conflicts };
}

/** `/*`, `*` and no path at all are the whole site. Caddy compares without regard to case. */
function keyOf(host: string, path: string): string {
  return `${host.toLowerCase()} ${path === "*" ? "/*" : path.toLowerCase()}`;
}

function takenBy(route: unknown): Conflict[] {
  return listIn(route, "match").flatMap((set) => {
    const hosts = listIn(set, "host").filter((host) => typeof host === "string");
    const paths = listIn(set, "path").filter((path) => typeof path === "string");
    return hosts.flatMap((host) => (paths.length === 0 ? ["/*"] : paths).map((path) => ({ host, path })));
  });
}

/** The list under a key of something that came from outside; empty where there is none. */
export function listIn(value: unknown, key: string): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  const list = (value as Record<string, unknown>)[key];
  return Array.isArray(list) ? list : [];
}

export interface ProxyOptions {
  id: string;
  protocol: "http" | "grpc";
  sites: readonly Site[];
  upstreams: readonly Upstream[];
  /** The port of `/healthz` on the address of each upstream. Undefined: it is not the same everywhere, or not reachable. */
  healthPort: number | undefined;
  /** Whether this version of Caddy can keep WebSockets open over a reload. */
  keepsStreams: boolean;
}

/** How long Caddy tries other gateways, or the same one again, where a connection was refused. */
const TRY = "5s";
/** How long WebSockets stay open after Caddy's configuration has changed. */
const STREAMS_OPEN = "1h";

export function proxyRoute(options: ProxyOptions): CaddyRoute {
  const { id, protocol, sites, upstreams, healthPort, keepsStreams } = options;
  const isGrpc = protocol === "grpc";
  const active = { uri: "/healthz", port: healthPort, interval: "1s", timeout: "2s" };
  return {
    "@id": id,
    match: sites.map(({ host, paths }) => ({
      host: [host],
      path: paths,
      ...(isGrpc ? { header: { "Content-Type": GRPC_TYPES } } : {}),
    })),
    handle: [
      {
        handler: "reverse_proxy",
        upstreams: [...upstreams],
        // Each piece goes on at once: server-sent events, streams.
        flush_interval: -1,
        ...(isGrpc ? { transport: { protocol: "http", versions: ["h2c", "2"] } } : {}),
        ...(keepsStreams ? { stream_close_delay: STREAMS_OPEN } : {}),
        load_balancing: { selection_policy: { policy: "random" }, try_duration: TRY, try_interval: "100ms" },
        health_checks: {
          passive: { fail_duration: "1s" },
          ...(healthPort === undefined || isGrpc ? {} : { active }),
        },
      },
    ],
    terminal: true,
  };
}

const GRPC_TYPES = ["application/grpc", "application/grpc+*", "application/grpc;*"];

/** The upstreams in a route that gateways of narun have put there. */
export function upstreamsIn(route: unknown): Upstream[] {
  return listIn(route, "handle").flatMap((handler) =>
    listIn(handler, "upstreams").filter(
      (one): one is Upstream =>
        typeof one === "object" &&
        one !== null &&
        typeof (one as Partial<Upstream>)["@id"] === "string" &&
        typeof (one as Partial<Upstream>).dial === "string",
    ),
  );
}

/** Whether Caddy takes a gateway out of a route by itself, as soon as its `/healthz` says that it leaves. */
export function checksHealth(route: unknown): boolean {
  return listIn(route, "handle").some((handler) => {
    const checks = (handler as { health_checks?: { active?: unknown } | null } | null)?.health_checks;
    return checks?.active !== undefined;
  });
}

/** Whether two parts of a configuration say the same. */
export function isSame(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(plain(a), plain(b));
}

/** As it is written: without the keys that have no value. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

/** The server of the routes: that of HTTPS, else the first one with another port than 80. Undefined: a new one. */
export function pickServer(servers: Record<string, CaddyServer>): string | undefined {
  const names = Object.keys(servers).sort();
  const listens = (name: string) => listIn(servers[name], "listen").map(String);
  const own = names.find((name) => servers[name]?.["@id"] === SERVER_ID);
  const https = names.find((name) => listens(name).some((address) => address.endsWith(":443")));
  const other = names.find((name) => listens(name).some((address) => !address.endsWith(":80")));
  return own ?? https ?? other;
}

export const SERVER_ID = "narun-server";
export const SERVER_NAME = "narun";

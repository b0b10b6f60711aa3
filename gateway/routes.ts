import {
  allRoutesOf,
  type FunctionSpec,
  isTemplate,
  type Route,
  routeKey,
  routingPath,
} from "../contracts/index.ts";
import type { CompatConfig } from "./config.ts";
import { TemplateRoutes } from "./template-routes.ts";

/** One route to a service. */
export interface RouteEntry {
  /** As it was written: the `path` label of the metrics. */
  pattern: string;
  service: string;
  /** Undefined: every method. */
  methods: ReadonlySet<string> | undefined;
  /** Whether its requests are answered before they run. Undefined: as its function says. */
  isAsync: boolean | undefined;
}

export type RouteMatch =
  | { kind: "route"; route: RouteEntry }
  | { kind: "method-not-allowed"; pattern: string; allow: string[] }
  /** `nearest`: the pattern of the route that takes only the parent of the path, or only paths below it. */
  | { kind: "none"; nearest: string | undefined };

/**
 * The table of all routes. It is immutable: a change builds a new one. The longest path wins, an exact path before one with
 * parameters, and that before a prefix.
 * Among equal paths a static route wins over a function's route, that over the route of a consumer that is not deployed, then the
 * service that is first by name. A route that does not take the method leaves the request to a shorter route.
 */
export interface RouteTable {
  /** `rawPath` as the client wrote it, percent-encoding kept. */
  match(method: string, rawPath: string): RouteMatch;
}

/** A service that brings its routes. */
type Routed = Pick<FunctionSpec, "name" | "interface"> & { readonly routes: readonly Route[] };

/** `consumers`: they are not deployed. One with the name of a function has no routes: its name is taken. */
export function createRouteTable(
  specs: Iterable<Routed>,
  config?: CompatConfig,
  consumers: Iterable<Routed> = [],
): RouteTable {
  const exact = new Map<string, RouteEntry[]>();
  const prefixes = new Map<string, RouteEntry[]>();
  const templates = new TemplateRoutes<RouteEntry>();
  for (const { path, methods, service } of config?.routes ?? []) {
    if (path === undefined) continue;
    add(path.endsWith("/") ? prefixes : exact, path, entry(path, service, methods));
  }
  const functions = [...specs].sort(byName);
  const names = new Set(functions.map(({ name }) => name));
  const others = [...consumers].filter(({ name }) => !names.has(name)).sort(byName);
  for (const routed of [...functions, ...others]) {
    for (const { path, methods, async } of allRoutesOf(routed)) {
      const route = entry(path, routed.name, methods, async);
      if (isTemplate(path)) templates.add(path, route);
      else if (path.endsWith("/*")) add(prefixes, path.slice(0, -1), route);
      else add(exact, path, route);
    }
  }
  return {
    match(method, rawPath) {
      const path = routingPath(rawPath);
      const passedOver: RouteEntry[] = [];
      const found =
        pick(exact.get(path), method, passedOver) ??
        pick(templates.matching(path), method, passedOver) ??
        pickPrefix(prefixes, path, method, passedOver);
      if (found !== undefined) return { kind: "route", route: found };
      const [first] = passedOver;
      if (first === undefined) return { kind: "none", nearest: nearestTo(path, exact, prefixes) };
      return { kind: "method-not-allowed", pattern: first.pattern, allow: allowedBy(passedOver) };
    },
  };
}

function byName(a: Routed, b: Routed): number {
  return a.name < b.name ? -1 : 1;
}

function entry(
  pattern: string,
  service: string,
  methods: readonly string[] | undefined,
  isAsync?: boolean,
): RouteEntry {
  return {
    pattern,
    service,
    methods: methods === undefined || methods.length === 0 ? undefined : new Set(methods),
    isAsync,
  };
}

function add(table: Map<string, RouteEntry[]>, path: string, route: RouteEntry): void {
  const key = routeKey(path);
  const routes = table.get(key);
  if (routes === undefined) table.set(key, [route]);
  else routes.push(route);
}

/** The longest prefix that takes the method. Prefixes end in a slash, so that there is one candidate for each segment. */
function pickPrefix(
  prefixes: ReadonlyMap<string, RouteEntry[]>,
  path: string,
  method: string,
  passedOver: RouteEntry[],
): RouteEntry | undefined {
  if (prefixes.size === 0) return undefined;
  for (let end = path.lastIndexOf("/"); end >= 0; end = end === 0 ? -1 : path.lastIndexOf("/", end - 1)) {
    const found = pick(prefixes.get(path.slice(0, end + 1)), method, passedOver);
    if (found !== undefined) return found;
  }
  return undefined;
}

function nearestTo(
  path: string,
  exact: ReadonlyMap<string, RouteEntry[]>,
  prefixes: ReadonlyMap<string, RouteEntry[]>,
): string | undefined {
  const below = prefixes.get(`${path}/`)?.[0];
  if (below !== undefined) return below.pattern;
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
    const above = exact.get(path.slice(0, end))?.[0];
    if (above !== undefined) return above.pattern;
  }
  return undefined;
}

function pick(
  routes: RouteEntry[] | undefined,
  method: string,
  passedOver: RouteEntry[],
): RouteEntry | undefined {
  if (routes === undefined) return undefined;
  const takes = (wanted: string) =>
    routes.find(({ methods }) => methods === undefined || methods.has(wanted));
  // HEAD goes where GET goes, unless a route names it.
  const found = takes(method) ?? (method === "HEAD" ? takes("GET") : undefined);
  if (found === undefined) passedOver.push(...routes);
  return found;
}

function allowedBy(routes: RouteEntry[]): string[] {
  const allow = new Set(routes.flatMap(({ methods }) => [...(methods ?? [])]));
  if (allow.has("GET")) allow.add("HEAD");
  return [...allow].sort();
}

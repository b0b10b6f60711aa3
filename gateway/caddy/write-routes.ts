/**
 * Reads Caddy's configuration, and writes the routes of a world where they differ.
 *
 * A change makes Caddy load its whole configuration again. That resets some connections that come meanwhile, and versions
 * before 2.7 also break requests under way. So an upstream has the name of its address: a gateway that starts again where it
 * was changes nothing. A dead upstream stays for a while, as its connections are refused and tried elsewhere.
 */
import type { FunctionSpec } from "../../contracts/index.ts";
import type { CaddyAdmin, CaddyPart } from "./admin.ts";
import {
  type CaddyServer,
  type Conflict,
  checksHealth,
  grpcPaths,
  httpPaths,
  isSame,
  listIn,
  pickServer,
  proxyRoute,
  SERVER_ID,
  SERVER_NAME,
  sitesOf,
  type Upstream,
  upstreamsIn,
  withoutConflicts,
} from "./plan.ts";

export interface RouteFacts {
  protocol: "http" | "grpc";
  /** The address of this gateway's door. Undefined: it has none. */
  dial: string | undefined;
}

/** The facts about the world and about this gateway that its routes are made of. */
export interface CaddyFacts {
  world: string;
  /** How long an upstream has taken no connections; 0 where it takes them. */
  deadMs(dial: string): Promise<number>;
  routes: RouteFacts[];
  specs: FunctionSpec[];
  healthPort: number | undefined;
  keepsStreams: boolean;
}

/** Writes the routes. Returns the paths that other routes have. Error: CaddyRefused. */
export async function writeRoutes(admin: CaddyAdmin, facts: CaddyFacts): Promise<Conflict[]> {
  const plans: Plan[] = [];
  for (const route of facts.routes) plans.push(await planRoute(admin, facts, route));
  const changes = plans.filter(({ isRight }) => !isRight);
  // Each write is a reload of Caddy: a gateway that joins changes both routes by one.
  if (changes.length > 1) await writeTogether(admin, facts.world, changes);
  else for (const change of changes) await writeOne(admin, facts.world, change);
  return plans.flatMap(({ conflicts }) => conflicts);
}

/** A route as it is, and as it has to be. */
interface Plan {
  id: string;
  found: CaddyPart;
  /** Undefined: there is to be none. */
  route: unknown;
  /** Nothing has to be written. */
  isRight: boolean;
  conflicts: Conflict[];
}

const routeId = (protocol: string, world: string) => `narun-${protocol}-routes-${world}`;
const upstreamId = (protocol: string, dial: string) =>
  `narun-${protocol}-${dial.replace(/[^a-z\d]+/gi, "-")}`;

/** How long a dead upstream stays where nothing else has changed. */
const MAX_DEAD_MS = 5 * 60_000;

async function planRoute(
  admin: CaddyAdmin,
  facts: CaddyFacts,
  { protocol, dial }: RouteFacts,
): Promise<Plan> {
  const { world, specs, healthPort, keepsStreams } = facts;
  const id = routeId(protocol, world);
  const servers = await admin.read("/config/apps/http/servers");
  const sites = sitesOf(specs, protocol === "http" ? httpPaths : grpcPaths);
  const { sites: free, conflicts } = withoutConflicts(sites, otherRoutes(servers.value, world));
  const found = await admin.read(`/id/${id}`);
  const routeWith = async (maxDeadMs: number) => {
    const upstreams = await gateways(found.value, { protocol, dial }, facts, maxDeadMs);
    if (free.length === 0 || upstreams.length === 0) return undefined;
    return proxyRoute({ id, protocol, sites: free, upstreams, healthPort, keepsStreams });
  };
  const isRight = isSame(found.value, await routeWith(MAX_DEAD_MS));
  return { id, found, route: isRight ? found.value : await routeWith(0), isRight, conflicts };
}

async function writeOne(admin: CaddyAdmin, world: string, { id, found, route }: Plan): Promise<void> {
  if (route === undefined) await admin.write("DELETE", `/id/${id}`, undefined, found.etag);
  else if (found.value === undefined) await insert(admin, route, routeId("grpc", world));
  else await admin.write("PATCH", `/id/${id}`, route, found.etag);
}

/** Writes all routes of a server at once, with the changed ones. The route of gRPC comes first. */
async function writeTogether(admin: CaddyAdmin, world: string, plans: readonly Plan[]): Promise<void> {
  const root = await admin.read("/config/");
  const servers = childOf(childOf(childOf(root.value, "apps"), "http"), "servers");
  const name = pickServer((servers ?? {}) as Record<string, CaddyServer>);
  const present = name === undefined ? undefined : childOf(childOf(servers, name), "routes");
  const idOf = (route: unknown) => (route as { "@id"?: unknown } | null)?.["@id"];
  const isHere = ({ id, found }: Plan) =>
    found.value === undefined || (Array.isArray(present) && present.some((one) => idOf(one) === id));
  if (name === undefined || !Array.isArray(present) || !plans.every(isHere)) {
    for (const plan of plans) await writeOne(admin, world, plan);
    return;
  }
  const changed = new Map(plans.map(({ id, route }) => [id, route]));
  const kept = present.flatMap((one) => {
    const id = String(idOf(one) ?? "");
    if (!changed.has(id)) return [one];
    const route = changed.get(id);
    changed.delete(id);
    return route === undefined ? [] : [route];
  });
  const added = [...changed].filter(([, route]) => route !== undefined);
  const isGrpc = (id: string) => id === routeId("grpc", world);
  const inOrder = added.sort(([a], [b]) => Number(isGrpc(b)) - Number(isGrpc(a))).map(([, route]) => route);
  const routes = `/config/apps/http/servers/${encodeURIComponent(name)}/routes`;
  await admin.write("PATCH", routes, [...inOrder, ...kept], root.etag);
}

/** The upstreams of all gateways, this one among them. Upstreams that are dead for longer are left out. */
async function gateways(
  route: unknown,
  { protocol, dial }: RouteFacts,
  { deadMs }: Pick<CaddyFacts, "deadMs">,
  maxDeadMs: number,
): Promise<Upstream[]> {
  const own = dial === undefined ? [] : [{ "@id": upstreamId(protocol, dial), dial }];
  const others: Upstream[] = [];
  for (const upstream of upstreamsIn(route))
    if (upstream.dial !== dial && (await deadMs(upstream.dial)) <= maxDeadMs) others.push(upstream);
  return [...others, ...own].sort((a, b) => (a["@id"] < b["@id"] ? -1 : 1));
}

/** All routes of all servers, without those of this world. */
function otherRoutes(servers: unknown, world: string): unknown[] {
  const own = new Set<unknown>(["http", "grpc"].map((protocol) => routeId(protocol, world)));
  if (typeof servers !== "object" || servers === null) return [];
  return Object.values(servers)
    .flatMap((server) => listIn(server, "routes"))
    .filter((route) => !own.has((route as { "@id"?: unknown } | null)?.["@id"]));
}

/**
 * Adds a route before all others, as it is for some paths of some hosts. The route of gRPC comes first: it is for the requests of
 * one content type.
 */
async function insert(admin: CaddyAdmin, route: unknown, grpcId: string): Promise<void> {
  const root = await admin.read("/config/");
  const servers = childOf(childOf(childOf(root.value, "apps"), "http"), "servers");
  const name = pickServer((servers ?? {}) as Record<string, CaddyServer>);
  if (name !== undefined) {
    const routes = `/config/apps/http/servers/${encodeURIComponent(name)}/routes`;
    const present = childOf(childOf(servers, name), "routes");
    if (!Array.isArray(present)) await admin.write("PUT", routes, [route], root.etag);
    // An empty list has no first place.
    else if (present.length === 0) await admin.write("POST", routes, route, root.etag);
    else {
      const ofGrpc = present.findIndex((one) => (one as { "@id"?: unknown } | null)?.["@id"] === grpcId);
      await admin.write("PUT", `${routes}/${ofGrpc + 1}`, route, root.etag);
    }
    return;
  }
  const server = { "@id": SERVER_ID, listen: [":443"], routes: [route] };
  await writeBelow(admin, root.value, ["apps", "http", "servers", SERVER_NAME], server, root.etag);
}

/** Writes a part whose parents may be missing. */
async function writeBelow(
  admin: CaddyAdmin,
  root: unknown,
  path: readonly string[],
  value: unknown,
  etag: string | undefined,
): Promise<void> {
  let parent = root;
  let depth = 0;
  while (depth < path.length - 1 && childOf(parent, path[depth] ?? "") !== undefined) {
    parent = childOf(parent, path[depth] ?? "");
    depth += 1;
  }
  if (root === undefined) depth = -1;
  const nested = path.slice(depth + 1).reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
  const target = `/config/${path.slice(0, depth + 1).join("/")}`;
  await admin.write(root === undefined ? "POST" : "PUT", target, nested, etag);
}

function childOf(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return (value as Record<string, unknown>)[key] ?? undefined;
}

/** Has Caddy send no new requests to this gateway, where Caddy does not find out by itself. Error: CaddyRefused. */
export async function beginLeaving(admin: CaddyAdmin, facts: CaddyFacts): Promise<void> {
  const id = routeId("http", facts.world);
  const dial = facts.routes.find(({ protocol }) => protocol === "http")?.dial;
  const found = await admin.read(`/id/${id}`);
  if (dial === undefined || found.value === undefined || checksHealth(found.value)) return;
  const others = (await gateways(found.value, { protocol: "http", dial }, facts, 0)).filter(
    (one) => one.dial !== dial,
  );
  if (others.length > 0)
    await admin.write("PATCH", `/id/${id}`, withUpstreams(found.value, others), found.etag);
}

/** Removes the routes where this gateway is the last one. Error: CaddyRefused. */
export async function leaveCaddy(admin: CaddyAdmin, facts: CaddyFacts): Promise<void> {
  for (const { protocol, dial } of facts.routes) {
    const id = routeId(protocol, facts.world);
    const found = await admin.read(`/id/${id}`);
    if (found.value === undefined) continue;
    const left = await gateways(found.value, { protocol, dial }, facts, 0);
    if (left.every((one) => one.dial === dial))
      await admin.write("DELETE", `/id/${id}`, undefined, found.etag);
  }
  const server = await admin.read(`/id/${SERVER_ID}`);
  if (server.value !== undefined && listIn(server.value, "routes").length === 0)
    await admin.write("DELETE", `/id/${SERVER_ID}`, undefined, server.etag);
}

function withUpstreams(route: unknown, upstreams: readonly Upstream[]): unknown {
  const handle = listIn(route, "handle").map((handler) =>
    listIn(handler, "upstreams").length === 0 ? handler : { ...(handler as object), upstreams },
  );
  return { ...(route as object), handle };
}

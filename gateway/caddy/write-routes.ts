/**
 * Reads Caddy's configuration, and writes the routes of a world where they differ.
 *
 * A change makes Caddy load its whole configuration again. That resets some connections that come meanwhile, and versions
 * before 2.7 also break requests under way. So an upstream has the name of its address: a gateway that starts again where it
 * was changes nothing. A dead upstream stays for a while, as its connections are refused and tried elsewhere.
 */
import type { FunctionSpec } from "../../contracts/index.ts";
import type { CaddyAdmin } from "./admin.ts";
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
  const conflicts: Conflict[] = [];
  for (const route of facts.routes) conflicts.push(...(await writeRoute(admin, facts, route)));
  return conflicts;
}

const routeId = (protocol: string, world: string) => `narun-${protocol}-routes-${world}`;
const upstreamId = (protocol: string, dial: string) =>
  `narun-${protocol}-${dial.replace(/[^a-z\d]+/gi, "-")}`;

/** How long a dead upstream stays where nothing else has changed. */
const MAX_DEAD_MS = 5 * 60_000;

async function writeRoute(
  admin: CaddyAdmin,
  facts: CaddyFacts,
  { protocol, dial }: RouteFacts,
): Promise<Conflict[]> {
  const { world, specs, healthPort, keepsStreams } = facts;
  const own = routeId(protocol, world);
  const servers = await admin.read("/config/apps/http/servers");
  const sites = sitesOf(specs, protocol === "http" ? httpPaths : grpcPaths);
  const { sites: free, conflicts } = withoutConflicts(sites, otherRoutes(servers.value, own));
  const found = await admin.read(`/id/${own}`);
  const routeWith = async (maxDeadMs: number) => {
    const upstreams = await gateways(found.value, { protocol, dial }, facts, maxDeadMs);
    if (free.length === 0 || upstreams.length === 0) return undefined;
    return proxyRoute({ id: own, protocol, sites: free, upstreams, healthPort, keepsStreams });
  };
  const wanted = await routeWith(MAX_DEAD_MS);
  if (isSame(found.value, wanted)) return conflicts;
  const route = await routeWith(0);
  if (route === undefined) await admin.write("DELETE", `/id/${own}`, undefined, found.etag);
  else if (found.value === undefined) await insert(admin, route);
  else await admin.write("PATCH", `/id/${own}`, route, found.etag);
  return conflicts;
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

/** All routes of all servers, without the own one. */
function otherRoutes(servers: unknown, own: string): unknown[] {
  if (typeof servers !== "object" || servers === null) return [];
  return Object.values(servers)
    .flatMap((server) => listIn(server, "routes"))
    .filter((route) => (route as { "@id"?: unknown } | null)?.["@id"] !== own);
}

/** Adds a route before all others, as it is for some paths of some hosts. */
async function insert(admin: CaddyAdmin, route: unknown): Promise<void> {
  const root = await admin.read("/config/");
  const servers = childOf(childOf(childOf(root.value, "apps"), "http"), "servers");
  const name = pickServer((servers ?? {}) as Record<string, CaddyServer>);
  if (name !== undefined) {
    const routes = `/config/apps/http/servers/${encodeURIComponent(name)}/routes`;
    const present = childOf(childOf(servers, name), "routes");
    if (!Array.isArray(present)) await admin.write("PUT", routes, [route], root.etag);
    // An empty list has no first place.
    else if (present.length === 0) await admin.write("POST", routes, route, root.etag);
    else await admin.write("PUT", `${routes}/0`, route, root.etag);
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

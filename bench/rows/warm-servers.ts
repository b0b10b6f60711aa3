/** The systems that answer small requests, and the load on each with the CPU time of its processes. */
import type { Bench, Systems } from "../frame/bench.ts";
import { HELLO, writeFunctions } from "../functions.ts";
import { type LoadOptions, type LoadResult, load } from "../load.ts";
import { startPlainServer, startRelay } from "../peers/servers.ts";
import { startWorkerd, WORKERD_ABSENT } from "../peers/workerd.ts";
import { cpuByRole, cpuMs, processesOf, sum } from "../processes.ts";
import { NATS_ONLY, type SystemOptions, startSystem } from "../system.ts";

/** A server of Node alone. */
export const PLAIN = "node:http";

/** The system whose gateway and hosts speak over NATS alone. */
export const OVER_NATS = "over NATS";

/** Answers 20 bytes of JSON with 100 bytes of JSON and two header fields. */
const JSON_HANDLER = `
async function handle(request) {
  const { id } = await request.json();
  const headers = { "Content-Type": "application/json", "X-Request-Id": request.headers.get("x-request-id") };
  return new Response(JSON.stringify({ id, text: "x".repeat(55), isValid: true }), { headers });
}
`;

const FUNCTIONS = [
  { name: "hello", code: HELLO, config: "" },
  { name: "json", code: `// @ts-nocheck\n${JSON_HANDLER}\nexport const POST = handle;\n`, config: "" },
];

const WORKER = `${JSON_HANDLER}
export default {
  fetch: (request) => request.method === "POST" ? handle(request) : new Response("Hello, world!"),
};
`;

export type LoadKind = Omit<LoadOptions, "url" | "seconds"> & { path: string };

export interface Measured extends LoadResult {
  /** The CPU time of each role during the load, in milliseconds. */
  cpuOf: ReadonlyMap<string, number>;
}

interface Measurable {
  http: string;
  /** The CPU time of its processes since their start, by role. */
  cpu(): ReadonlyMap<string, number>;
}

export type Servers = Readonly<Record<string, Measurable>>;

export async function startServers(bench: Bench, stack: AsyncDisposableStack): Promise<Servers> {
  const functions = stack.use(await writeFunctions(FUNCTIONS));
  const startOne = async (options: SystemOptions) => {
    const { http, nats, pid } = stack.use(await startSystem([functions.folder], options));
    return { nats, pid, server: { http, cpu: () => cpuByRole(pid) } };
  };
  const servers: Record<string, Measurable> = {};
  // They start together: a start waits for more than the cores.
  const [overNats, ...started] = await Promise.all([
    startOne({ env: NATS_ONLY }),
    ...Object.entries(bench.roots).map(
      async ([name, root]) => [name, (await startOne({ root })).server] as const,
    ),
  ]);
  for (const [name, server] of started) servers[name] = server;
  servers[OVER_NATS] = overNats.server;
  // The relay has its turn on the same nats-server.
  const relay = stack.use(await startRelay(overNats.nats));
  const natsServer = processesOf(overNats.pid).get("nats-server") ?? [];
  servers.relay = peer(relay.http, [...relay.pids, ...natsServer]);
  // No target judges it, so that the quick form has no time for it.
  if (!bench.isQuick) {
    const plain = stack.use(await startPlainServer());
    servers[PLAIN] = peer(plain.http, plain.pids);
  }
  const workerd = await startWorkerd(WORKER);
  if (workerd === undefined) bench.skipPeer("workerd", WORKERD_ABSENT);
  else servers.workerd = peer(stack.use(workerd).http, [workerd.pid]);
  return servers;
}

function peer(http: string, pids: readonly number[]): Measurable {
  return { http, cpu: () => new Map([["all", sum(pids.map(cpuMs))]]) };
}

/** Load whose figures are not wanted. */
export async function warmUpAll(
  { path, ...options }: LoadKind,
  servers: Servers,
  seconds: number,
): Promise<void> {
  for (const { http } of Object.values(servers)) await load({ ...options, url: `${http}${path}`, seconds });
}

export function loads(kind: LoadKind, servers: Servers, seconds: number): Systems<Measured> {
  const measureAt =
    ({ http, cpu }: Measurable) =>
    async (): Promise<Measured> => {
      const { path, ...options } = kind;
      const before = cpu();
      const result = await load({ ...options, url: `${http}${path}`, seconds });
      const cpuOf = new Map(
        [...cpu()].map(([role, ms]) => [role, Math.max(0, ms - (before.get(role) ?? 0))]),
      );
      return { ...result, cpuOf };
    };
  return Object.fromEntries(Object.entries(servers).map(([name, server]) => [name, measureAt(server)]));
}

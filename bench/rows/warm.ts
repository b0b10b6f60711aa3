/** Small requests to instances that run: a text, JSON, and one request after the other. */
import { fileURLToPath } from "node:url";
import type { Bench, Systems } from "../frame/bench.ts";
import type { Row } from "../frame/row.ts";
import { writeFunctions } from "../functions.ts";
import { type LoadOptions, load } from "../load.ts";
import { type Server, startPlainServer, startRelay } from "../peers/servers.ts";
import { startWorkerd, WORKERD_ABSENT } from "../peers/workerd.ts";
import { startSystem } from "../system.ts";

const CONNECTIONS = 32;

const hello = fileURLToPath(new URL("../../functions/examples/hello", import.meta.url));

/** Answers 20 bytes of JSON with 100 bytes of JSON and two header fields. */
const JSON_HANDLER = `
async function handle(request) {
  const { id } = await request.json();
  const headers = { "Content-Type": "application/json", "X-Request-Id": request.headers.get("x-request-id") };
  return new Response(JSON.stringify({ id, text: "x".repeat(55), isValid: true }), { headers });
}
`;

const JSON_FUNCTION = {
  name: "json",
  code: `// @ts-nocheck\n${JSON_HANDLER}\nexport const POST = handle;\n`,
  config: "",
};

const WORKER = `${JSON_HANDLER}
const headers = { "Content-Type": "text/plain;charset=UTF-8" };
export default {
  fetch: (request) => request.method === "POST" ? handle(request) : new Response("Hello, world!", { headers }),
};
`;

interface LoadKind {
  path: string;
  options: Omit<LoadOptions, "url" | "seconds">;
  figure: "requestsPerSecond" | "p50Ms";
}

const GET_HELLO: LoadKind = {
  path: "/hello",
  options: { connections: CONNECTIONS },
  figure: "requestsPerSecond",
};
const POST_JSON: LoadKind = {
  path: "/json",
  options: {
    connections: CONNECTIONS,
    body: JSON.stringify({ id: 1_234_567_890_123 }),
    headers: { "Content-Type": "application/json", "X-Request-Id": "4bf92f3577b34da6" },
  },
  figure: "requestsPerSecond",
};
const ONE_BY_ONE: LoadKind = { path: "/hello", options: { connections: 1 }, figure: "p50Ms" };

const OVER_NATS = [
  { atLeast: 1, of: "workerd" },
  { atLeast: 0.9, of: "relay" },
] as const;
const SHORT_PATH = [{ atLeast: 2, of: "workerd" }] as const;

const ROWS = {
  hello: { name: "GET hello, over NATS", unit: "requests/s", targets: OVER_NATS },
  json: { name: "POST JSON, over NATS", unit: "requests/s", targets: OVER_NATS },
  single: { name: "one connection, p50, over NATS", unit: "ms", targets: [{ atMost: 1.3, of: "relay" }] },
} satisfies Record<string, Row>;

/** Rows of a gateway and an instance on one machine, without NATS between them. */
const SHORT_ROWS: readonly Row[] = [
  { name: "GET hello, one machine", unit: "requests/s", targets: SHORT_PATH },
  { name: "POST JSON, one machine", unit: "requests/s", targets: SHORT_PATH },
  { name: "one connection, p50, one machine", unit: "ms", targets: [{ atMost: 1, of: "workerd" }] },
];

export async function measureWarm(bench: Bench): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const servers = await startServers(bench, stack);
  const plain = stack.use(await startPlainServer());
  const seconds = bench.size(4, 0.4);
  const turns = (kind: LoadKind, all: ReadonlyMap<string, Server>) => loadInTurns(kind, all, seconds);

  bench.heading(`warm requests, ${CONNECTIONS} connections, ${bench.rounds} rounds of ${seconds} s in turns`);
  await bench.takeTurns(ROWS.hello, turns(GET_HELLO, new Map([...servers, ["node:http", plain]])));
  await bench.takeTurns(ROWS.json, turns(POST_JSON, servers));
  bench.heading(`one connection, ${bench.rounds} rounds of ${seconds} s in turns`);
  await bench.takeTurns(ROWS.single, turns(ONE_BY_ONE, servers));
  for (const row of SHORT_ROWS) bench.skip(row, "no short path yet");
}

async function startServers(bench: Bench, stack: AsyncDisposableStack): Promise<Map<string, Server>> {
  const functions = stack.use(await writeFunctions([JSON_FUNCTION]));
  const servers = new Map<string, Server>();
  for (const [name, root] of Object.entries(bench.roots))
    servers.set(name, stack.use(await startSystem([hello, functions.folder], root)));
  // The relay has the nats-server of a narun without functions, which is like the measured one.
  const empty = stack.use(await startSystem([]));
  servers.set("relay", stack.use(await startRelay(empty.nats)));
  const workerd = await startWorkerd(WORKER);
  if (workerd === undefined) bench.skipPeer("workerd", WORKERD_ABSENT);
  else servers.set("workerd", stack.use(workerd));
  return servers;
}

function loadInTurns(kind: LoadKind, servers: ReadonlyMap<string, Server>, seconds: number): Systems {
  const measureAt = (http: string) => async () => {
    const result = await load({ ...kind.options, url: `${http}${kind.path}`, seconds });
    return { value: result[kind.figure], errors: result.errors };
  };
  return Object.fromEntries([...servers].map(([name, { http }]) => [name, measureAt(http)]));
}

/** WebSockets whose messages come back: each socket has one message on its way. */
import { once } from "node:events";
import type { Bench } from "../frame/bench.ts";
import type { Sample } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { writeFunctions } from "../functions.ts";
import { startWorkerd, WORKERD_ABSENT } from "../peers/workerd.ts";
import { startSystem } from "../system.ts";

const SOCKETS = 32;
const MESSAGE = "x".repeat(64);

const HANDLER = `
function handle() {
  const { 0: client, 1: server } = new WebSocketPair();
  server.addEventListener("message", ({ data }) => server.send(data));
  server.addEventListener("close", ({ code }) => server.close(code));
  server.accept();
  return new Response(null, { status: 101, webSocket: client });
}
`;

const FUNCTION = {
  name: "sockets",
  code: `// @ts-nocheck\n${HANDLER}\nexport const GET = handle;\n`,
  config: "",
};

const rows = () => ({
  echo: {
    name: "WebSocket echo of 64 bytes, 32 sockets",
    unit: "messages/s",
    targets: [{ atLeast: 1, of: "workerd" }],
  },
});

export const websocket: Section = { rows, measure, needs: [] };

async function measure(bench: Bench): Promise<void> {
  const seconds = bench.size(4, 0.4);
  bench.heading(`WebSocket echo, ${SOCKETS} sockets, ${bench.rounds} rounds of ${seconds} s in turns`);
  await using stack = new AsyncDisposableStack();
  const functions = stack.use(await writeFunctions([FUNCTION]));
  const servers = new Map<string, { http: string }>();
  for (const [name, root] of Object.entries(bench.roots))
    servers.set(name, stack.use(await startSystem([functions.folder], { root })));
  const workerd = await startWorkerd(`${HANDLER}\nexport default { fetch: handle };\n`);
  if (workerd === undefined) bench.skipPeer("workerd", WORKERD_ABSENT);
  else servers.set("workerd", stack.use(workerd));
  const systems = [...servers].map(([name, { http }]) => [name, () => echo(http, seconds)]);
  await bench.takeTurns(rows().echo, Object.fromEntries(systems));
}

async function echo(http: string, seconds: number): Promise<Sample> {
  const url = `${http.replace("http", "ws")}/sockets`;
  const sockets = await Promise.all(Array.from({ length: SOCKETS }, () => open(url)));
  const counts = { value: 0, errors: 0 };
  for (const socket of sockets) drive(socket, counts);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  const { value, errors } = counts;
  await Promise.all(sockets.map(close));
  return { value: value / seconds, errors };
}

const createClient = (url: string) => new WebSocket(url);

/** The client of Node. The name `WebSocket` alone is the one of the functions, which has more methods. */
type Client = ReturnType<typeof createClient>;

/** How long a server may take to open a socket. */
const OPEN_MS = 10_000;

async function open(url: string): Promise<Client> {
  const socket = createClient(url);
  await once(socket, "open", { signal: AbortSignal.timeout(OPEN_MS) });
  return socket;
}

function drive(socket: Client, counts: { value: number; errors: number }): void {
  socket.addEventListener("message", ({ data }) => {
    if (data === MESSAGE) counts.value += 1;
    else counts.errors += 1;
    if (socket.readyState === WebSocket.OPEN) socket.send(MESSAGE);
  });
  socket.addEventListener("close", ({ code }) => {
    if (code !== 1000) counts.errors += 1;
  });
  socket.send(MESSAGE);
}

/** How long a server may take to answer the close of a socket. */
const CLOSE_MS = 5_000;

async function close(socket: Client): Promise<void> {
  const closed = once(socket, "close", { signal: AbortSignal.timeout(CLOSE_MS) });
  socket.close(1000);
  await closed;
}

/** WebSockets whose messages come back: each socket has one message on its way. */
import { setTimeout as pause } from "node:timers/promises";
import { openEchoSocket } from "../echo-client.ts";
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
    targets: [{ atLeast: 1, of: "workerd", behind: 1.7 }],
  },
});

export const websocket: Section = { rows, measure, needs: [] };

async function measure(bench: Bench): Promise<void> {
  const seconds = bench.loadSeconds;
  bench.heading(`WebSocket echo, ${SOCKETS} sockets, ${bench.rounds} rounds of ${seconds} s in turns`);
  await using stack = new AsyncDisposableStack();
  const functions = stack.use(await writeFunctions([FUNCTION]));
  const servers = new Map<string, { http: string }>();
  for (const [name, root] of Object.entries(bench.roots))
    servers.set(name, stack.use(await startSystem([functions.folder], { root })));
  const workerd = await startWorkerd(`${HANDLER}\nexport default { fetch: handle };\n`);
  if (workerd === undefined) bench.skipPeer("workerd", WORKERD_ABSENT);
  else servers.set("workerd", stack.use(workerd));
  for (const { http } of servers.values()) await echo(http, bench.warmUpSeconds);
  const systems = [...servers].map(([name, { http }]) => [name, () => echo(http, seconds)]);
  await bench.takeTurns(rows().echo, Object.fromEntries(systems));
}

async function echo(http: string, seconds: number): Promise<Sample> {
  const sockets = await Promise.all(
    Array.from({ length: SOCKETS }, () => openEchoSocket(`${http}/sockets`, MESSAGE)),
  );
  const counts = { messages: 0, errors: 0 };
  for (const socket of sockets) socket.begin(counts);
  await pause(seconds * 1_000);
  const { messages, errors } = counts;
  await Promise.all(sockets.map((socket) => socket.close()));
  return { value: messages / seconds, errors };
}

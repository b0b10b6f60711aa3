/** Clients that send tiny WebSocket messages at full speed, and the other work of their function. */
import { once } from "node:events";
import { expect, it } from "vitest";
import { connectRaw, handshake } from "../gateway/testing/raw-client.ts";
import { startWorld } from "./harness/world.ts";

const FLOODERS = 10;
const MESSAGES = 20_000;
/** Upper bound of the messages between two steps of a request: messages that are already in V8, and messages of one turn. */
const MOST_BETWEEN = 1_000;

/** A masked text message of one character. */
const tiny = (character: string) => Buffer.from([0x81, 0x81, 0, 0, 0, 0, character.charCodeAt(0)]);
const flood = Buffer.concat(Array.from({ length: MESSAGES }, () => tiny("x")));

/** A request that takes steps after the flood has begun, and reports how many messages were handled before each step. */
const counts = `
  let handled = 0;
  const step = () => new Promise((resolve) => setTimeout(resolve, 0));
  export default async (request) => {
    if (request.headers.get("upgrade") === "websocket") {
      const { 0: client, 1: server } = new WebSocketPair();
      server.addEventListener("message", () => (handled += 1));
      server.accept();
      return new Response(null, { status: 101, webSocket: client });
    }
    while (handled < 1000) await step();
    const before = [];
    for (let n = 0; n < 30; n++) {
      const from = handled;
      await step();
      before.push(handled - from);
    }
    return Response.json(before);
  };
`;

it("take turns with a request of the function, and with each other", { timeout: 60_000 }, async () => {
  await using world = await startWorld();
  await world.push("counts", counts, { scale: { concurrency: 100 } });
  const clients = await Promise.all(Array.from({ length: FLOODERS }, () => connectRaw(world.url(""))));
  const closed = clients.map(({ socket }) => once(socket, "close"));
  try {
    for (const { socket } of clients) socket.write(handshake("/counts"));
    await Promise.all(clients.map((client) => client.has(/ 101 /)));
    const answer = world.call("/counts");
    for (const { socket } of clients) socket.write(flood);
    const before: number[] = JSON.parse((await answer).text);
    expect(Math.max(...before)).toBeGreaterThan(0);
    expect(Math.max(...before)).toBeLessThan(MOST_BETWEEN);
  } finally {
    for (const { socket } of clients) socket.destroy();
    await Promise.all(closed);
  }
});

it("take turns at the gateway: what one read brought of one does not keep another waiting", async () => {
  await using world = await startWorld();
  await world.push("counts", counts, { scale: { concurrency: 100 } });
  const other = Promise.withResolvers<number>();
  let before = 0;
  world.connection.subscribe("narun.s.>", (message) => {
    if (message.text() === "y") other.resolve(before);
    if (message.text() === "x") before += 1;
  });
  await world.connection.flush();
  using flooding = await connectRaw(world.url(""));
  using quiet = await connectRaw(world.url(""));
  for (const { socket } of [flooding, quiet]) socket.write(handshake("/counts"));
  await Promise.all([flooding.has(/ 101 /), quiet.has(/ 101 /)]);
  flooding.socket.write(flood);
  quiet.socket.write(tiny("y"));
  expect(await other.promise).toBeLessThan(MOST_BETWEEN);
});

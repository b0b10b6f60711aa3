import { describe, expect, it } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { eventually } from "../test/harness/eventually.ts";
import { openEchoSocket } from "./echo-client.ts";

async function startServer(onSocket: (socket: WebSocket) => void) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await new Promise((resolve) => server.once("listening", resolve));
  server.on("connection", onSocket);
  const { port } = server.address() as { port: number };
  const close = () => new Promise((resolve) => server.close(resolve));
  return { url: `http://127.0.0.1:${port}/`, [Symbol.asyncDispose]: async () => void (await close()) };
}

describe("an echo socket", () => {
  it("sends the text again when it has come back, and closes with 1000", async () => {
    const closed = Promise.withResolvers<number>();
    await using server = await startServer((socket) => {
      socket.on("message", (data) => socket.send(data.toString()));
      socket.on("close", closed.resolve);
    });
    const socket = await openEchoSocket(server.url, "x".repeat(64));
    const counts = { messages: 0, errors: 0 };
    socket.begin(counts);
    await eventually(() => expect(counts.messages).toBeGreaterThan(10));
    await socket.close();
    expect(await closed.promise).toBe(1000);
    expect(counts.errors).toBe(0);
  });

  it("counts an answer that is another text as an error", async () => {
    await using server = await startServer((socket) => {
      socket.on("message", () => socket.send("y".repeat(64)));
    });
    const socket = await openEchoSocket(server.url, "x".repeat(64));
    const counts = { messages: 0, errors: 0 };
    socket.begin(counts);
    await eventually(() => expect(counts.errors).toBeGreaterThan(0));
    await socket.close();
    expect(counts.messages).toBe(0);
  });
});

import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { eventually } from "./harness/eventually.ts";
import { nothingIsLeft, seen } from "./harness/watched-streams.ts";
import { startWorld, type World } from "./harness/world.ts";

describe("a WebSocket whose client leaves", () => {
  const sockets = `
    const seen = { aborted: [], cancelled: [], failed: [] };
    export default async (request) => {
      const { pathname, searchParams } = new URL(request.url);
      const n = searchParams.get("n");
      if (pathname.endsWith("/seen")) return Response.json(seen);
      request.signal.addEventListener("abort", () => seen.aborted.push(n));
      if (pathname.endsWith("/waits")) await new Promise((resolve) => setTimeout(resolve, 20_000));
      const { 0: client, 1: server } = new WebSocketPair();
      if (pathname.endsWith("/ignores")) return new Response(null, { status: 101, webSocket: client });
      server.accept();
      server.addEventListener("close", () => seen.cancelled.push(n));
      if (pathname.endsWith("/floods")) for (let m = 0; m < 40; m++) server.send(new Uint8Array(500_000));
      if (pathname.endsWith("/huge")) server.send(new Uint8Array(1_100_000));
      if (pathname.endsWith("/reason")) server.close(4000, "ü".repeat(61));
      return new Response(null, { status: 101, webSocket: client });
    };
  `;
  const connect = async (world: World, path: string) => {
    const socket = new WebSocket(world.url(path).replace("http:", "ws:"));
    await once(socket, "open");
    return socket;
  };

  it("before it was accepted aborts the handler's signal", async () => {
    await using world = await startWorld();
    await world.push("ws", sockets);
    const socket = new WebSocket(world.url("/ws/waits?n=early").replace("http:", "ws:"));
    socket.on("error", () => undefined);
    await eventually(async () => expect((await world.ps("ws"))[0]?.inFlight).toBe(1));
    socket.terminate();
    await eventually(async () => expect((await seen(world, "ws")).aborted).toEqual(["early"]), {
      timeoutMs: 3_000,
    });
    await nothingIsLeft(world, "ws");
  });

  it("is over though the function never listens, or has much to say still", async () => {
    await using world = await startWorld();
    await world.push("ws", sockets);
    const silent = await connect(world, "/ws/ignores");
    silent.close();
    await once(silent, "close");
    const slow = await connect(world, "/ws/floods?n=slow");
    slow.close(1000);
    await once(slow, "close");
    await eventually(async () => expect((await seen(world, "ws")).cancelled).toEqual(["slow"]));
    await nothingIsLeft(world, "ws");
  });

  it("closes on a message of the function's over the limit, and carries a reason of any letters", async () => {
    await using world = await startWorld();
    await world.push("ws", sockets);
    const huge = await connect(world, "/ws/huge");
    const [tooBig, why] = (await once(huge, "close")) as [number, Buffer];
    expect([tooBig, why.toString()]).toEqual([1009, "a message has at most 1048576 bytes"]);
    const socket = new WebSocket(world.url("/ws/reason").replace("http:", "ws:"));
    const [code, reason] = (await once(socket, "close")) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([4000, "ü".repeat(61)]);
    await nothingIsLeft(world, "ws");
    await eventually(async () =>
      expect((await world.logs("ws")).map(({ message }) => message)).toEqual([
        "SOCKET_MESSAGE_TOO_LARGE: the function sent a message of 1100000 bytes; the limit is 1048576 bytes, and no key changes it",
      ]),
    );
  });
});

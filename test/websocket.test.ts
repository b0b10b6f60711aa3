import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { eventually } from "./harness/eventually.ts";
import { startWorld, type World } from "./harness/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.push(
    "echo",
    `import { Hono } from "hono";
     import { upgradeWebSocket } from "hono/cloudflare-workers";
     const app = new Hono();
     app.get("/echo/socket", upgradeWebSocket(() => ({
       onMessage(event, ws) {
         if (event.data === "close me") ws.close(4001, "as you wish");
         else ws.send(event.data);
       },
     })));
     app.get("/echo/plain", (c) => c.text("no socket", 418));
     export default app;`,
  );
  await world.push(
    "pair",
    `const heard = [];
     export default (request) => {
       if (request.headers.get("upgrade") !== "websocket") return Response.json(heard);
       const { 0: client, 1: server } = new WebSocketPair();
       server.accept();
       server.addEventListener("message", ({ data }) => heard.push(typeof data === "string" ? data : data.byteLength));
       server.addEventListener("close", ({ code, reason, wasClean }) => heard.push({ code, reason, wasClean }));
       server.send("welcome");
       return new Response(null, { status: 101, webSocket: client, headers: { "sec-websocket-protocol": "b", "x-pair": "yes" } });
     }`,
    { scale: { concurrency: 2 } },
  );
  await world.push(
    "mixed",
    `export default () => {
       const { 0: client, 1: server } = new WebSocketPair();
       server.accept();
       const send = (n) => {
         if (n % 7 === 3) server.send(new Uint8Array([n >> 8, n & 255]));
         else server.send(String(n).padEnd(n % 11 === 5 ? 9_000 : 1));
       };
       let next = 0;
       server.addEventListener("message", ({ data }) => {
         for (let count = 0; count < 20; count++) send(next++);
         if (data === "fail") Promise.reject(new Error("on purpose"));
         if (data === "throw") throw new Error("on purpose");
         if (data === "close") server.close(4000, "done");
       });
       return new Response(null, { status: 101, webSocket: client });
     }`,
  );
  await world.push(
    "closing",
    `let last = null;
     export default (request) => {
       if (request.headers.get("upgrade") !== "websocket") return Response.json(last);
       const { 0: client, 1: server } = new WebSocketPair();
       server.accept();
       server.addEventListener("close", ({ code, reason, wasClean }) => (last = { code, reason, wasClean }));
       const code = new URL(request.url).searchParams.get("code");
       try {
         if (code !== null) server.close(Number(code), "why");
       } catch (error) {
         server.close(4000, error.name);
       }
       return new Response(null, { status: 101, webSocket: client });
     }`,
  );
});
afterAll(() => world[Symbol.asyncDispose]());

const address = (path: string) => world.url(path).replace("http:", "ws:");

async function connect(path: string, protocols: string[] = []): Promise<WebSocket> {
  const socket = new WebSocket(address(path), protocols);
  await once(socket, "open");
  return socket;
}

async function nextMessage(socket: WebSocket): Promise<string | Buffer> {
  const [data, isBinary] = (await once(socket, "message")) as [Buffer, boolean];
  return isBinary ? data : data.toString();
}

describe("a WebSocket", () => {
  it("carries messages both ways, texts as texts and bytes as bytes, of any size up to the limit", async () => {
    const socket = await connect("/echo/socket");
    for (const data of ["hello", "", "ü".repeat(200_000), Buffer.alloc(0), Buffer.alloc(900_000, "ab")]) {
      const answer = nextMessage(socket);
      socket.send(data);
      const came = await answer;
      expect(typeof came === "string" ? came === data : came.equals(data as Buffer)).toBe(true);
    }
    socket.close();
    await once(socket, "close");
  });

  it("is refused with a problem where its client does not know the handshake", async () => {
    const headers = { connection: "upgrade", upgrade: "websocket", "sec-websocket-version": "13" };
    const asked = request(world.url("/pair"), { headers }).end();
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    expect(answer).toMatchObject({
      statusCode: 400,
      headers: { "content-type": "application/problem+json", "sec-websocket-version": "13, 8" },
    });
    expect(JSON.parse(await text(answer))).toMatchObject({
      code: "BAD_REQUEST",
      detail: "Missing or invalid Sec-WebSocket-Key header",
      requestId: answer.headers["x-request-id"],
    });
  });

  it("keeps the order of many messages", async () => {
    const socket = await connect("/echo/socket");
    const came: number[] = [];
    socket.on("message", (data: Buffer) => came.push(Number(data.toString())));
    for (let n = 0; n < 2_000; n++) socket.send(String(n));
    await eventually(() => expect(came).toHaveLength(2_000));
    expect(came.every((value, at) => value === at)).toBe(true);
    socket.close();
  });

  it("keeps the order of texts, bytes and large messages, also where code fails, and repeats none", async () => {
    const socket = await connect("/mixed");
    const came: number[] = [];
    socket.on("message", (data: Buffer, isBinary) =>
      came.push(isBinary ? data.readUInt16BE() : Number(data.toString())),
    );
    const closed = once(socket, "close");
    for (let round = 0; round < 60; round++)
      socket.send(round % 5 === 2 ? "fail" : round % 7 === 3 ? "throw" : "go");
    socket.send("close");
    expect(await closed).toMatchObject([4000, {}]);
    expect(came).toEqual(Array.from({ length: 61 * 20 }, (_, at) => at));
  });

  it("is closed by the function, with its code and reason", async () => {
    const socket = await connect("/echo/socket");
    socket.send("close me");
    const [code, reason] = (await once(socket, "close")) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([4001, "as you wish"]);
  });

  const protocolCodes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
  it.each([...protocolCodes, 3000, 4999])("is closed by either side with %i", async (code) => {
    const byFunction = await connect(`/closing?code=${code}`);
    const [came, reason] = (await once(byFunction, "close")) as [number, Buffer];
    expect([came, reason.toString()]).toEqual([code, "why"]);

    const byClient = await connect("/closing");
    byClient.close(code, "mine");
    await once(byClient, "close");
    await eventually(async () => {
      const { text: heard } = await world.call("/closing");
      expect(JSON.parse(heard)).toEqual({ code, reason: "mine", wasClean: true });
    });
  });

  it.each([0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000])("cannot be closed with %i", async (code) => {
    const socket = await connect(`/closing?code=${code}`);
    const [came, reason] = (await once(socket, "close")) as [number, Buffer];
    expect([came, reason.toString()]).toEqual([4000, "InvalidAccessError"]);
  });

  it("gets the function's header fields and protocol, and what was sent before it was open", async () => {
    const socket = new WebSocket(address("/pair"), ["a", "b"]);
    const upgraded = once(socket, "upgrade");
    const welcome = nextMessage(socket);
    const [response] = (await upgraded) as [{ headers: Record<string, string> }];
    expect(response.headers["x-pair"]).toBe("yes");
    expect(await welcome).toBe("welcome");
    expect(socket.protocol).toBe("b");
    socket.close(3001, "done");
    await once(socket, "close");
    await eventually(async () =>
      expect(JSON.parse((await world.call("/pair")).text)).toContainEqual({
        code: 3001,
        reason: "done",
        wasClean: true,
      }),
    );
  });

  it("tells the function when its client is gone without a close", async () => {
    const socket = await connect("/pair");
    socket.terminate();
    await eventually(async () =>
      expect(JSON.parse((await world.call("/pair")).text)).toContainEqual({
        code: 1006,
        reason: "",
        wasClean: false,
      }),
    );
  });

  it("is refused as any request is, where the function does not want it", async () => {
    const socket = new WebSocket(address("/echo/plain"));
    const [, response] = (await once(socket, "unexpected-response")) as [unknown, { statusCode: number }];
    expect(response.statusCode).toBe(418);
    const nowhere = new WebSocket(address("/nowhere"));
    const [, missing] = (await once(nowhere, "unexpected-response")) as [unknown, { statusCode: number }];
    expect(missing.statusCode).toBe(404);
  });

  it("closes on a message over the limit, and says so to its client, to the function and in the log", async () => {
    const socket = await connect("/pair");
    socket.on("error", () => undefined);
    socket.send("x");
    socket.send(Buffer.alloc(1_100_000));
    const [code, why] = (await once(socket, "close")) as [number, Buffer];
    const reason = "a message has at most 1048576 bytes";
    expect([code, why.toString()]).toEqual([1009, reason]);
    await eventually(async () => {
      const heard = JSON.parse((await world.call("/pair")).text);
      expect(heard.slice(-2)).toEqual(["x", { code: 1009, reason, wasClean: false }]);
    });
    await eventually(async () =>
      expect((await world.logs("pair")).map(({ message }) => message)).toEqual([
        "SOCKET_MESSAGE_TOO_LARGE: the client sent a message of more than 1048576 bytes; the limit is 1048576 bytes, and no key changes it",
      ]),
    );
  });

  it("closes on fragments that are over the limit together", async () => {
    const socket = await connect("/echo/socket");
    socket.on("error", () => undefined);
    for (let part = 0; part < 3; part++) socket.send(Buffer.alloc(500_000), { fin: false });
    const [code, why] = (await once(socket, "close")) as [number, Buffer];
    expect([code, why.toString()]).toEqual([1009, "a message has at most 1048576 bytes"]);
  });

  it("is closed with a code when its instance dies", async () => {
    await using own = await startWorld();
    await own.push(
      "dies",
      `export default () => {
      const { 0: client, 1: server } = new WebSocketPair();
      server.accept();
      server.addEventListener("message", () => { while (true); });
      return new Response(null, { status: 101, webSocket: client });
    }`,
      { limits: { cpuMs: 100 } },
    );
    const socket = new WebSocket(own.url("/dies").replace("http:", "ws:"));
    await once(socket, "open");
    socket.send("loop");
    const [code] = (await once(socket, "close")) as [number];
    expect([1011, 1012]).toContain(code);
  });

  it("takes no place of the instance's concurrency: a thousand idle ones are open at a time", async () => {
    const sockets = await Promise.all(Array.from({ length: 1_000 }, () => connect("/echo/socket")));
    const last = sockets.at(-1) as WebSocket;
    const answer = nextMessage(last);
    last.send("still there");
    expect(await answer).toBe("still there");
    const closed = sockets.map((socket) => once(socket, "close"));
    for (const socket of sockets) socket.close();
    await Promise.all(closed);
  });
});

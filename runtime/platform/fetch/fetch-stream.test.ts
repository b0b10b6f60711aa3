import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { eventually } from "../../../test/harness/eventually.ts";
import { createFetchWorld, echo, startServer } from "./testing/fetch-world.ts";

const world = createFetchWorld();
const MIB = 1024 * 1024;

/** A number when it has stood still for a while. */
async function settled(read: () => number | Promise<number>): Promise<number> {
  let last = -1;
  let since = 0;
  await eventually(async () => {
    const now = await read();
    since = now === last && now > 0 ? since + 1 : 0;
    last = now;
    expect(since).toBeGreaterThan(8);
  });
  return last;
}

describe("a response's body", () => {
  it("arrives piece by piece, as the server writes it", async () => {
    let server_: ServerResponse | undefined;
    await using server = await startServer((request, response) => {
      if (request.url === "/next") {
        server_?.write("second");
        return void response.end();
      }
      server_ = response;
      response.write("first");
    });
    expect(
      await world.run(
        `const reader = (await fetch(origin)).body.pipeThrough(new TextDecoderStream()).getReader();
         const first = await reader.read();
         await fetch(origin + "/next");
         const second = await reader.read();
         await reader.cancel();
         return [first.value, second.value]`,
        server.origin,
      ),
    ).toEqual(["first", "second"]);
  });

  it("of many megabytes arrives whole", async () => {
    await using server = await startServer((_request, response) => {
      for (let index = 0; index < 32; index++) response.write(Buffer.alloc(MIB, index));
      response.end();
    });
    expect(
      await world.run(
        `let size = 0, sum = 0;
         for await (const chunk of (await fetch(origin)).body) { size += chunk.length; sum += chunk[0] === chunk.at(-1) ? 0 : 1; }
         return size;`,
        server.origin,
      ),
    ).toBe(32 * MIB);
  });

  it("is not read ahead of a slow reader", async () => {
    let written = 0;
    await using server = await startServer(async (_request, response) => {
      while (!response.destroyed && written < 256 * MIB) {
        written += MIB;
        if (!response.write(Buffer.alloc(MIB)))
          await Promise.race([once(response, "drain"), once(response, "close")]);
      }
    });
    const loaded = await world.load(
      `let reader;
       export default async (request, env) => {
         if (request.url.endsWith("/start")) reader = (await fetch(env.ORIGIN)).body.getReader();
         else if (request.url.endsWith("/read")) await reader.read();
         else await reader.cancel();
         return new Response("ok");
       }`,
      { ORIGIN: server.origin },
    );
    await loaded.call({ url: "http://x/start" });
    await loaded.call({ url: "http://x/read" });
    // What lies in the buffers of the kernel, of both sides' sockets and of the stream.
    expect(await settled(() => written)).toBeLessThan(32 * MIB);
    await loaded.call({ url: "http://x/cancel" });
    await eventually(() => expect(server.sockets.size).toBe(0));
  });

  it("that is cancelled closes the connection", async () => {
    await using server = await startServer((_request, response) => {
      response.write(Buffer.alloc(MIB));
    });
    await world.run(`await (await fetch(origin)).body.cancel()`, server.origin);
    await eventually(() => expect(server.sockets.size).toBe(0));
  });

  it("is passed on as the function's own", async () => {
    await using server = await startServer((_request, response) => {
      response.writeHead(201, { "x-own": "1" });
      for (let index = 0; index < 8; index++) response.write(Buffer.alloc(MIB, 65));
      response.end();
    });
    const loaded = await world.load(`export default (request, env) => fetch(env.ORIGIN)`, {
      ORIGIN: server.origin,
    });
    const answer = await loaded.call();
    if (answer.kind !== "response") throw new Error(answer.text);
    expect(answer.status).toBe(201);
    expect(Object.fromEntries(answer.headers)).toMatchObject({ "x-own": "1" });
    expect((await loaded.read(answer.body)).byteLength).toBe(8 * MIB);
  });
});

describe("content codings", () => {
  const text = "narun ".repeat(50_000);
  const codings: [string, Uint8Array][] = [
    ["gzip", gzipSync(text)],
    ["x-gzip", gzipSync(text)],
    ["GZIP", gzipSync(text)],
    ["deflate", deflateSync(text)],
    ["deflate", deflateRawSync(text)],
    ["br", brotliCompressSync(text)],
    ["deflate, gzip", gzipSync(deflateSync(text))],
    ["identity", Buffer.from(text)],
  ];

  it.each(codings)("%s is decoded", async (coding, bytes) => {
    await using server = await startServer((_request, response) => {
      response.writeHead(200, { "content-encoding": coding, "content-length": bytes.byteLength }).end(bytes);
    });
    const seen = await world.run(
      `const r = await fetch(origin); const t = await r.text();
       return [t.length, t.slice(0, 6), r.headers.get("content-encoding"), r.headers.get("content-length")]`,
      server.origin,
    );
    const isPlain = coding === "identity";
    expect(seen).toEqual([
      text.length,
      "narun ",
      isPlain ? coding : null,
      isPlain ? String(bytes.byteLength) : null,
    ]);
  });

  it("that are not known leave the body as it is", async () => {
    await using server = await startServer((_request, response) => {
      response.writeHead(200, { "content-encoding": "own" }).end("as it is");
    });
    expect(
      await world.run(
        `const r = await fetch(origin); return [await r.text(), r.headers.get("content-encoding")]`,
        server.origin,
      ),
    ).toEqual(["as it is", "own"]);
  });

  it("of a body that is empty, or not there, are no mistake", async () => {
    await using server = await startServer((request, response) => {
      response.writeHead(request.url === "/304" ? 304 : 200, { "content-encoding": "gzip" });
      response.flushHeaders();
      setImmediate(() => response.end());
    });
    expect(
      await world.run(
        `return Promise.all([fetch(origin), fetch(origin, { method: "HEAD" }), fetch(origin + "/304")].map(
           async (response) => (await response).text()))`,
        server.origin,
      ),
    ).toEqual(["", "", ""]);
  });

  it.each([
    ["garbage", Buffer.from("no gzip at all")],
    ["a part", gzipSync(text).subarray(0, 200)],
  ])("break the body where it is %s", async (_what, bytes) => {
    await using server = await startServer((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip" }).end(bytes);
    });
    expect(await world.run(`return (await fetch(origin)).text().catch(why)`, server.origin)).toMatchObject({
      name: "TypeError",
      message: expect.stringContaining("is not what its content-encoding says"),
    });
  });

  it("are decoded no faster than the body is read: a bomb stays small", async () => {
    const bomb = gzipSync(Buffer.alloc(512 * MIB));
    await using server = await startServer((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip" }).end(bomb);
    });
    const before = process.memoryUsage();
    const seen = await world.run(
      `const reader = (await fetch(origin)).body.getReader();
       let size = 0;
       while (size < 4_000_000) size += (await reader.read()).value.length;
       await reader.cancel();
       return size;`,
      server.origin,
    );
    expect(seen).toBeLessThan(8 * MIB);
    const after = process.memoryUsage();
    expect(after.arrayBuffers + after.external - before.arrayBuffers - before.external).toBeLessThan(
      64 * MIB,
    );
  });
});

describe("a request's body", () => {
  it("that is a stream is sent as it comes, and the answer may come before its end", async () => {
    await using server = await startServer((request, response) => {
      request.on("data", (chunk: Buffer) => response.write(`<${chunk}>`));
      request.on("end", () => response.end(`</${request.headers["transfer-encoding"]}>`));
    });
    expect(
      await world.run(
        `const { readable, writable } = new TransformStream();
         const writer = writable.getWriter();
         const encoder = new TextEncoder();
         writer.write(encoder.encode("one"));
         const response = await fetch(origin, { method: "POST", body: readable, duplex: "half" });
         const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
         const seen = [(await reader.read()).value];
         writer.write(encoder.encode("two"));
         seen.push((await reader.read()).value);
         writer.close();
         seen.push((await reader.read()).value);
         return seen;`,
        server.origin,
      ),
    ).toEqual(["<one>", "<two>", "</chunked>"]);
  });

  it("of many megabytes arrives whole, its length told where it is known", async () => {
    await using server = await startServer(async (request, response) => {
      let size = 0;
      for await (const chunk of request) size += (chunk as Buffer).byteLength;
      response.end(JSON.stringify([size, request.headers["content-length"] ?? null]));
    });
    expect(
      await world.run(
        `const send = async (init) => (await fetch(origin, { method: "PUT", ...init })).json();
         const pieces = (count) => new ReadableStream({
           pull(controller) { count-- > 0 ? controller.enqueue(new Uint8Array(1000000)) : controller.close(); } });
         return [
           await send({ body: new Uint8Array(20_000_000) }),
           await send({ body: "ä".repeat(1_000_000) }),
           await send({ body: pieces(20), duplex: "half" }),
           await send({ body: pieces(20), duplex: "half", headers: { "content-length": "20000000" } }),
         ]`,
        server.origin,
      ),
    ).toEqual([
      [20_000_000, "20000000"],
      [2_000_000, "2000000"],
      [20_000_000, null],
      [20_000_000, "20000000"],
    ]);
  });

  it("that has another length than it says fails", async () => {
    await using server = await startServer(echo);
    expect(
      await world.run(
        `return fetch(origin, { method: "PUT", duplex: "half", headers: { "content-length": "5" },
           body: new Blob(["too long"]).stream().pipeThrough(new TransformStream()) }).catch(why)`,
        server.origin,
      ),
    ).toMatchObject({ name: "TypeError", message: expect.stringContaining("content-length") });
  });

  it("waits for a server that does not read", async () => {
    await using server = await startServer(() => undefined);
    const loaded = await world.load(
      `let produced = 0;
       export default async (request, env) => {
         if (request.url.endsWith("/produced")) return new Response(String(produced));
         const body = new ReadableStream({
           pull(controller) { produced += 65536; controller.enqueue(new Uint8Array(65536)); },
         });
         fetch(env.ORIGIN, { method: "POST", body, duplex: "half" }).catch(() => undefined);
         return new Response("sending");
       }`,
      { ORIGIN: server.origin },
    );
    const produced = async () => {
      const answer = await loaded.call({ url: "http://x/produced" });
      return Number(answer.kind === "response" ? answer.body : Number.NaN);
    };
    await loaded.call();
    expect(await settled(produced)).toBeLessThan(32 * MIB);
  });

  it("whose stream breaks fails the request, with the stream's error as its cause", async () => {
    await using server = await startServer(echo);
    expect(
      await world.run(
        `const body = new ReadableStream({ start(c) { c.enqueue(new Uint8Array(3)); }, pull(c) { c.error(new RangeError("own")); } });
         return fetch(origin, { method: "POST", body, duplex: "half" }).catch((error) =>
           [error.name, error.message, error.cause.name, error.cause.message]);`,
        server.origin,
      ),
    ).toEqual(["TypeError", "fetch failed: the request's body broke", "RangeError", "own"]);
    await eventually(() => expect(server.sockets.size).toBe(0));
  });
});

describe("abort", () => {
  it("before the start rejects with the reason, and connects to nothing", async () => {
    await using server = await startServer(echo);
    expect(
      await world.run(
        `return Promise.all([
           fetch(origin, { signal: AbortSignal.abort() }).catch((error) => [error.name, error instanceof DOMException]),
           fetch(origin, { signal: AbortSignal.abort("own") }).catch((reason) => reason),
         ])`,
        server.origin,
      ),
    ).toEqual([["AbortError", true], "own"]);
    expect(server.connections).toBe(0);
  });

  it("while it waits for the answer closes the connection", async () => {
    await using server = await startServer(() => undefined);
    const loaded = await world.load(
      `const controller = new AbortController();
       let outcome;
       export default async (request, env) => {
         if (request.url.endsWith("/start"))
           outcome = fetch(env.ORIGIN, { signal: controller.signal }).catch((error) => error.name);
         else controller.abort();
         return new Response(request.url.endsWith("/start") ? "" : await outcome);
       }`,
      { ORIGIN: server.origin },
    );
    await loaded.call({ url: "http://x/start" });
    await eventually(() => expect(server.sockets.size).toBe(1));
    expect(await loaded.call({ url: "http://x/abort" })).toMatchObject({ body: "AbortError" });
    await eventually(() => expect(server.sockets.size).toBe(0));
  });

  it("by a timeout is a TimeoutError", async () => {
    await using server = await startServer(() => undefined);
    expect(
      await world.run(
        `return fetch(origin, { signal: AbortSignal.timeout(30) }).catch((e) => e.name)`,
        server.origin,
      ),
    ).toBe("TimeoutError");
    await eventually(() => expect(server.sockets.size).toBe(0));
  });

  it("while the body streams breaks it with the reason, and closes the connection", async () => {
    await using server = await startServer((_request, response) => {
      response.write("x");
    });
    expect(
      await world.run(
        `const controller = new AbortController();
         const response = await fetch(origin, { signal: controller.signal });
         const reader = response.body.getReader();
         await reader.read();
         const next = reader.read().catch((error) => error.message);
         controller.abort(new Error("own"));
         return [await next, await reader.closed.catch((error) => error.message)];`,
        server.origin,
      ),
    ).toEqual(["own", "own"]);
    await eventually(() => expect(server.sockets.size).toBe(0));
  });

  it("while the request's body streams cancels that", async () => {
    await using server = await startServer((request) => request.on("error", () => undefined).resume());
    expect(
      await world.run(
        `const controller = new AbortController();
         const cancelled = Promise.withResolvers();
         const body = new ReadableStream({
           pull(c) { c.enqueue(new Uint8Array(1000)); }, cancel: () => cancelled.resolve("cancelled") });
         setTimeout(() => controller.abort(), 30);
         const outcome = await fetch(origin, { method: "POST", body, duplex: "half", signal: controller.signal })
           .catch((error) => error.name);
         return [outcome, await cancelled.promise];`,
        server.origin,
      ),
    ).toEqual(["AbortError", "cancelled"]);
    await eventually(() => expect(server.sockets.size).toBe(0));
  });

  it("after the body was read changes nothing", async () => {
    await using server = await startServer(echo);
    expect(
      await world.run(
        `const controller = new AbortController();
         const response = await fetch(origin, { signal: controller.signal });
         const { url } = await response.json();
         controller.abort();
         return url;`,
        server.origin,
      ),
    ).toBe("/");
  });
});

describe("connections", () => {
  it("are kept for the next request", async () => {
    await using server = await startServer(echo);
    await world.run(`for (let i = 0; i < 20; i++) await (await fetch(origin)).json();`, server.origin);
    expect(server.connections).toBe(1);
  });

  it("are free again though nobody reads a short body", async () => {
    await using server = await startServer(echo);
    expect(
      await world.run(
        `const all = [];
         for (let i = 0; i < 250; i++) all.push((await fetch(origin, { headers: { "x-long": "x".repeat(9000) } })).status);
         return all.length;`,
        server.origin,
      ),
    ).toBe(250);
    expect(server.connections).toBeLessThan(5);
  });

  it("are 100 at a time", async () => {
    let open = 0;
    let most = 0;
    await using server = await startServer(async (_request, response) => {
      open += 1;
      most = Math.max(most, open);
      setTimeout(() => {
        open -= 1;
        response.end();
      }, 20);
    });
    expect(
      await world.run(
        `return (await Promise.all(Array.from({ length: 300 }, () => fetch(origin)))).length`,
        server.origin,
      ),
    ).toBe(300);
    expect(most).toBeLessThanOrEqual(100);
    expect(most).toBeGreaterThan(50);
  });

  it("are taken from long bodies that nobody reads", async () => {
    await using server = await startServer((request, response) => {
      response.write(request.url === "/short" ? "x" : Buffer.alloc(MIB));
      if (request.url === "/short") response.end();
    });
    const impatient = createFetchWorld({ unreadMs: 50 });
    expect(
      await impatient.run(
        `const unread = [];
         for (let i = 0; i < 100; i++) unread.push(await fetch(origin));
         const kept = unread.pop().body.getReader();
         await kept.read();
         const seen = [await (await fetch(origin + "/short")).text()];
         seen.push(await unread[0].text().catch((error) => error.message));
         seen.push((await kept.read()).done);
         return seen;`,
        server.origin,
      ),
    ).toEqual(["x", expect.stringContaining("was dropped: nobody read it, and others waited"), false]);
  });

  it("that the server closed just now are no failure of a request that may be sent again", async () => {
    await using server = await startServer((request, response) => {
      // The second request on a connection finds it closed.
      if (seen.has(request.socket)) return void request.socket.destroy();
      seen.add(request.socket);
      response.end("ok");
    });
    const seen = new WeakSet<object>();
    expect(
      await world.run(
        `const texts = [];
         for (let i = 0; i < 4; i++) texts.push(await fetch(origin).then((r) => r.text(), why));
         return [...texts, await fetch(origin, { method: "POST" }).then((r) => r.text(), (error) => error.name)];`,
        server.origin,
      ),
    ).toEqual(["ok", "ok", "ok", "ok", expect.anything()]);
  });
});

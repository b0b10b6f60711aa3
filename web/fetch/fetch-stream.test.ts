import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { createFetchWorld, echo, startServer } from "./testing/fetch-world.ts";

const world = createFetchWorld();
const MIB = 1024 * 1024;

/** The value of a counter after it has stood still for a while. */
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
    // Buffers of the kernel, of both sockets and of the stream hold this much.
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

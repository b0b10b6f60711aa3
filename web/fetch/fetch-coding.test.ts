import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { createFetchWorld, startServer } from "./testing/fetch-world.ts";

const world = createFetchWorld();
const MIB = 1024 * 1024;

describe("content codings", () => {
  const text = "narun ".repeat(50_000);
  const codings: [string, Uint8Array][] = [
    ["gzip", gzipSync(text)],
    ["x-gzip", gzipSync(text)],
    ["GZIP", gzipSync(text)],
    ["deflate", deflateSync(text)],
    ["deflate", deflateRawSync(text)],
    ["br", brotliCompressSync(text)],
    ["zstd", zstdCompressSync(text)],
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
    await eventually(() => expect(server.sockets.size).toBe(0));
    const after = process.memoryUsage();
    expect(after.arrayBuffers + after.external - before.arrayBuffers - before.external).toBeLessThan(
      64 * MIB,
    );
  });
});

/** How coded bodies end, fetched from an isolate and by Node. */
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { expect, it } from "vitest";
import { createFetchWorld, startServer } from "./testing/fetch-world.ts";

const world = createFetchWorld();

const text = Array.from({ length: 2_000 }, (_, index) => `line ${index * 7919}`).join("\n");
const [gzip, deflate, raw] = [gzipSync(text), deflateSync(text), deflateRawSync(text)];

const READ = `fetch(origin).then((response) => response.text()).then((text) => text.length, (error) => error.name)`;
const readByNode = new Function("origin", `return ${READ}`) as (origin: string) => Promise<number | string>;

async function readByBoth(coding: string, bytes: Uint8Array): Promise<unknown[]> {
  await using server = await startServer((_request, response) => {
    response.writeHead(200, { "content-encoding": coding, "content-length": bytes.byteLength }).end(bytes);
  });
  return [await world.run(`return ${READ}`, server.origin), await readByNode(server.origin)];
}

it.each([
  ["gzip, whole", "gzip", gzip],
  ["gzip of two members", "gzip", Buffer.concat([gzipSync(text.slice(0, 100)), gzipSync(text.slice(100))])],
  ["gzip with zeros behind its end", "gzip", Buffer.concat([gzip, Buffer.alloc(32)])],
  ["deflate with something behind its end", "deflate", Buffer.concat([deflate, Buffer.from("garbage")])],
  ["deflate without zlib's frame", "deflate", raw],
])("%s, is read as Node reads it", async (_what, coding, bytes) => {
  expect(await readByBoth(coding, bytes)).toEqual([text.length, text.length]);
});

it.each([
  ["gzip with something behind its end", "gzip", Buffer.concat([gzip, Buffer.from("garbage")])],
  ["gzip with a wrong checksum", "gzip", gzip.with(-6, 1 ^ (gzip.at(-6) ?? 0))],
  ["gzip with a damaged middle", "gzip", gzip.with(900, 255 ^ (gzip[900] ?? 0)).fill(255, 901, 920)],
  ["deflate with a wrong checksum", "deflate", deflate.with(-1, 1 ^ (deflate.at(-1) ?? 0))],
  ["zstd that is cut off", "zstd", zstdCompressSync(text).subarray(0, 1_000)],
])("%s, breaks the body, as in Node", async (_what, coding, bytes) => {
  expect(await readByBoth(coding, Uint8Array.from(bytes))).toEqual(["TypeError", "TypeError"]);
});

/** Node accepts incomplete bodies as complete: "Where platforms differ" in docs/web-platform.md. */
it.each([
  ["gzip without its trailer", "gzip", gzip.subarray(0, -8)],
  ["gzip with half of its trailer", "gzip", gzip.subarray(0, -4)],
  ["gzip that is cut off", "gzip", gzip.subarray(0, 2_000)],
  ["deflate without its checksum", "deflate", deflate.subarray(0, -4)],
  ["deflate that is cut off", "deflate", deflate.subarray(0, 2_000)],
  ["raw deflate that is cut off", "deflate", raw.subarray(0, 2_000)],
  ["br that is cut off", "br", brotliCompressSync(text).subarray(0, 1_000)],
])("%s, breaks the body", async (_what, coding, bytes) => {
  expect(await readByBoth(coding, bytes)).toEqual(["TypeError", expect.any(Number)]);
});

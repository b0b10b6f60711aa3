/** Trailers (RFC 9110, section 6.5): of requests, which functions do not see, and of answers. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectRaw } from "../gateway/testing/raw-client.ts";
import { startWorld, type World } from "./harness/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.push(
    "sums",
    `export default async (request, env, ctx) => {
       ctx.trailers.set("x-sum", "42");
       const { pathname } = new URL(request.url);
       if (pathname === "/sums/text") return new Response("body");
       const headers = pathname === "/sums/length" ? { "content-length": "4" } : {};
       const { readable, writable } = new TransformStream();
       const writer = writable.getWriter();
       writer.write(new TextEncoder().encode("body")).then(() => writer.close());
       return new Response(readable, { headers });
     }`,
  );
  await world.push(
    "reads",
    `export default async (request) =>
       new Response((await request.text()).length + " " + [...request.headers.keys()].includes("x-sum"))`,
  );
});
afterAll(() => world[Symbol.asyncDispose]());

async function ask(bytes: string): Promise<string> {
  using client = await connectRaw(world.url(""));
  client.socket.write(bytes);
  return await client.ended;
}
const get = (path: string, version = "1.1") =>
  ask(`GET ${path} HTTP/${version}\r\nHost: test\r\nConnection: close\r\n\r\n`);

describe("trailers of an answer", () => {
  it("follow a body in chunks", async () => {
    expect(await get("/sums/stream")).toMatch(/\r\n\r\n4\r\nbody\r\n0\r\nx-sum: 42\r\n\r\n$/i);
  });

  it.each([
    ["a body that is no stream", "/sums/text", "1.1"],
    ["a body of a length", "/sums/length", "1.1"],
    ["a client of HTTP/1.0", "/sums/stream", "1.0"],
  ])("are left out, and nothing else, for %s", async (_name, path, version) => {
    expect(await get(path, version)).toMatch(/^HTTP\/1\.1 200 OK\r\n(?s:.*)\r\n\r\nbody$/);
  });
});

describe("trailers of a request", () => {
  it.each([10, 300_000])("end a body of %i bytes, and are not seen", async (length) => {
    const head =
      "POST /reads HTTP/1.1\r\nHost: test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    const body = `${length.toString(16)}\r\n${"b".repeat(length)}\r\n0\r\nX-Sum: 42\r\n\r\n`;
    expect(await ask(head + body)).toMatch(new RegExp(`\r\n\r\n${length} false$`));
  });
});

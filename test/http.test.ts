import { once } from "node:events";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, describe, expect, it } from "vitest";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const mirror = `
  export default async (request: Request) => {
    const { pathname, search } = new URL(request.url);
    return Response.json({
      method: request.method,
      pathname,
      search,
      headers: [...request.headers],
      body: await request.text(),
    });
  };
`;
await world.push("mirror", mirror);
await world.push("bytes", `export default async (request: Request) => new Response(await request.bytes());`);

const answers = `
  export default (request: Request) => {
    switch (new URL(request.url).pathname) {
      case "/answers/teapot":
        return new Response("short and stout", { status: 418, headers: { "X-Kind": "teapot" } });
      case "/answers/cookies": {
        const headers = new Headers();
        headers.append("Set-Cookie", "a=1; Path=/");
        headers.append("Set-Cookie", "b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT");
        return new Response("two", { headers });
      }
      case "/answers/nothing":
        return new Response(null, { status: 204 });
      default:
        return new Response("the whole page", { headers: { "Content-Type": "text/x-page" } });
    }
  };
`;
await world.push("answers", answers);

describe("a request over HTTP", () => {
  it("reaches the function with its method, path, query and headers", async () => {
    const got = await world.call("/mirror/a%2Fb/ü?x=1&x=2&y=%20", { headers: { "X-Some": "thing" } });
    const seen = JSON.parse(got.text);
    expect(seen).toMatchObject({
      method: "GET",
      pathname: "/mirror/a%2Fb/%C3%BC",
      search: "?x=1&x=2&y=%20",
      body: "",
    });
    expect(seen.headers).toContainEqual(["x-some", "thing"]);
    expect(seen.headers).toContainEqual(["host", new URL(world.url("/")).host]);
    expect(got.headers.get("content-type")).toBe("application/json");
  });

  it("carries a body, and header fields that are sent twice", async () => {
    const sent = request(world.url("/mirror"), {
      method: "POST",
      headers: { "X-Twice": ["first", "second"], "Content-Type": "text/plain" },
      agent: false,
    });
    sent.end("a body, ünd more");
    const [response] = await once(sent, "response");
    const seen = JSON.parse(await text(response));
    expect(seen).toMatchObject({ method: "POST", body: "a body, ünd more" });
    expect(seen.headers).toContainEqual(["x-twice", "first, second"]);
  });

  it.each(["PUT", "PATCH", "DELETE", "OPTIONS"])("carries %s", async (method) => {
    expect(JSON.parse((await world.call("/mirror", { method })).text)).toMatchObject({ method });
  });

  it.each([
    ["every byte value", Uint8Array.from({ length: 256 }, (_, value) => value)],
    ["1 MiB", Uint8Array.from({ length: 1024 * 1024 }, (_, index) => (index * 31) % 256)],
  ])("brings %s there and back", async (_what, body) => {
    const response = await world.fetch("/bytes", { method: "POST", body });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-length")).toBe(String(body.length));
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
  });
});

describe("a response", () => {
  it("keeps its status and header fields", async () => {
    const got = await world.call("/answers/teapot");
    expect(got).toMatchObject({ status: 418, text: "short and stout" });
    expect(got.headers.get("x-kind")).toBe("teapot");
  });

  it("keeps two cookies apart", async () => {
    const got = await world.call("/answers/cookies");
    expect(got.headers.getSetCookie()).toEqual(["a=1; Path=/", "b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT"]);
  });

  it("may be empty: 204 has no body and no length", async () => {
    const got = await world.call("/answers/nothing");
    expect(got).toMatchObject({ status: 204, text: "" });
    expect(got.headers.get("content-length")).toBeNull();
  });

  it("to HEAD is that to GET without its body", async () => {
    const head = await world.call("/answers/page", { method: "HEAD" });
    const get = await world.call("/answers/page");
    expect(head).toMatchObject({ status: 200, text: "" });
    for (const name of ["content-type", "content-length"]) {
      expect(head.headers.get(name)).toBe(get.headers.get(name));
    }
    expect(get).toMatchObject({ text: "the whole page" });
  });
});

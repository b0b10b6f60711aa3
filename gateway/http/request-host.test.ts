/** The Host field and the host of an absolute target (RFC 9112, section 3.2). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Message } from "../../nats/index.ts";
import { connectRaw, statusesIn } from "../testing/raw-client.ts";
import { type GatewayWorld, REVISION, specOf, startGatewayWorld } from "../testing/world.ts";

let world: GatewayWorld;
let last: Message | undefined;

beforeAll(async () => {
  world = await startGatewayWorld({ specs: [specOf("fn")] });
  const node = await world.startNode();
  await node.start("fn", {
    revision: REVISION,
    handler: (message) => {
      last = message;
      return { data: "taken" };
    },
  });
});
afterAll(() => world[Symbol.asyncDispose]());

async function send(...lines: string[]): Promise<string> {
  using client = await connectRaw(world.url);
  client.socket.write([...lines, "Connection: close", "", ""].join("\r\n"));
  return await client.ended;
}

const upgrade = [
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
];

describe("a request is refused with 400", () => {
  it.each([
    ["without a Host", ["GET /fn HTTP/1.1"]],
    ["with two Host lines", ["GET /fn HTTP/1.1", "Host: a", "host: b"]],
    ["with two Host lines that say the same", ["GET /fn HTTP/1.1", "Host: a", "Host: a"]],
    ["of HTTP/1.0 with two Host lines", ["GET /fn HTTP/1.0", "Host: a", "Host: b"]],
    ...["a/b", "a?b", "a#b", "user@a", "a\\b", "a b", "a\tb", "[a", "a<b>", "a:b", "d\xfcrr"].map(
      (host): [string, string[]] => [`with the Host ${host}`, ["GET /fn HTTP/1.1", `Host: ${host}`]],
    ),
    ["with an absolute target but no Host", ["GET http://a/fn HTTP/1.1"]],
    ["with an absolute target and a Host that is none", ["GET http://a/fn HTTP/1.1", "Host: b/c"]],
    ["for a WebSocket with a path as Host", ["GET /fn HTTP/1.1", "Host: a/b", ...upgrade]],
    ["for a WebSocket without a Host", ["GET /fn HTTP/1.1", ...upgrade]],
    ["for a WebSocket with two Host lines", ["GET /fn HTTP/1.1", "Host: a", "Host: b", ...upgrade]],
  ])("%s", async (_what, lines) => {
    last = undefined;
    const text = await send(...lines);
    expect(statusesIn(text)).toEqual([400]);
    expect(text).toMatch(/\r\nContent-Type: application\/problem\+json\r\n/);
    expect(text).toMatch(/\r\nX-Request-Id: [\w-]{36}\r\n/);
    expect(JSON.parse(text.slice(text.indexOf("{")))).toMatchObject({
      code: "BAD_REQUEST",
      detail: expect.stringMatching(/Host/),
    });
    expect(last).toBeUndefined();
  });
});

describe("a request that names no host", () => {
  it.each([
    ["by HTTP/1.0 without a Host", ["GET /fn?x=1 HTTP/1.0"]],
    ["by HTTP/1.0 with an empty one", ["GET /fn?x=1 HTTP/1.0", "Host:"]],
    ["by HTTP/1.1 with an empty one", ["GET /fn?x=1 HTTP/1.1", "Host: "]],
  ])("%s travels without one", async (_what, lines) => {
    expect(statusesIn(await send(...lines))).toEqual([200]);
    expect(last?.headers?.get("X-Original-Path")).toEqual(["/fn"]);
    expect(last?.headers?.has("X-Original-Host")).toBe(false);
    expect(last?.headers?.has("X-Forwarded-Host")).toBe(false);
  });
});

describe("a host", () => {
  it.each(["a", "A.example:8080", "127.0.0.1:80", "[::1]:8080", "a_b", "a:"])("%s travels", async (host) => {
    expect(statusesIn(await send("GET /fn HTTP/1.1", `Host: ${host}`))).toEqual([200]);
    expect(last?.headers?.get("X-Original-Host")).toEqual([host]);
    expect(last?.headers?.get("X-Forwarded-Host")).toEqual([host]);
  });
});

describe("the host of an absolute target", () => {
  it.each([
    ["http://target.example:81/fn?x=1", "target.example:81"],
    ["HTTP://Target.example/fn", "Target.example"],
    ["http://[::1]:81/fn", "[::1]:81"],
  ])("%s wins over the Host field", async (target, host) => {
    expect(statusesIn(await send(`GET ${target} HTTP/1.1`, "Host: field.example"))).toEqual([200]);
    expect(last?.headers?.get("X-Original-Host")).toEqual([host]);
    expect(last?.headers?.get("X-Forwarded-Host")).toEqual([host]);
    expect(last?.headers?.get("Narun-Path")).toEqual(["/fn"]);
  });

  it.each(["http://user@a/fn", "http://user:secret@a/fn", "http://a:b/fn", "http://:80/fn", "http:///fn"])(
    "%s is refused where it is none",
    async (target) => {
      last = undefined;
      expect(statusesIn(await send(`GET ${target} HTTP/1.1`, "Host: a"))).toEqual([400]);
      expect(last).toBeUndefined();
    },
  );
});

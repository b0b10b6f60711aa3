/** Header fields of narun and NATS never reach a client. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createHeaders } from "../../contracts/index.ts";
import type { Message } from "../../nats/index.ts";
import { connectRaw, handshake, statusesIn } from "../testing/raw-client.ts";
import { type GatewayWorld, REVISION, specOf, startGatewayWorld } from "../testing/world.ts";

type Fields = [string, string][];

const inner: Fields = [
  ["Narun-Secret", "inner"],
  ["narun-request-id", "inner"],
  ["NARUN-LIMIT", "77"],
  ["Nats-Expected-Stream", "inner"],
  ["nats-msg-id", "inner"],
  ["X-Response-Time", "inner"],
  ["x-response-status", "inner"],
  ["X-Original-Host", "inner"],
  ["x-original-remoteaddr", "inner"],
];
const LEAK = /inner|^(narun|nats|x-response|x-original)-/im;
const outer: Fields = [["X-Kept", "kept"]];
const streamed = (message: Message, status: number): Fields => [
  ["Narun-Stream", message.headers?.get("Narun-Stream")?.[0] ?? ""],
  ["Narun-Answerer", "inner"],
  ["X-Response-Status-Code", String(status)],
];

let world: GatewayWorld;

beforeAll(async () => {
  const names = ["whole", "error", "broken", "stream", "socket"];
  world = await startGatewayWorld({
    specs: names.map((name) => specOf(name)),
    gateway: {
      config: {
        routes: ["foreign", "foreign-error"].map((service) => ({
          path: `/${service}`,
          methods: [],
          service,
        })),
      },
    },
  });
  const node = await world.startNode();
  const revision = REVISION;
  await node.start("whole", {
    revision,
    handler: () => ({ data: "body", headers: [["X-Response-Status-Code", "201"], ...outer, ...inner] }),
  });
  await node.start("error", {
    revision,
    handler: () => ({ data: "inner", headers: [["Narun-Error", "HANDLER_THREW"], ...outer, ...inner] }),
  });
  await node.start("broken", {
    revision,
    handler: () => ({ data: "inner", headers: [["X-Bad", "\u0001"], ...inner] }),
  });
  await node.start("stream", {
    revision,
    handler(message) {
      message.respond("", createHeaders([...streamed(message, 200), ...outer, ...inner]));
      return { headers: [["Narun-Frame", "end 0"], ["X-Trailer", "kept"], ...inner] };
    },
  });
  await node.start("socket", {
    revision,
    handler(message) {
      message.respond("", createHeaders([...streamed(message, 101), ...outer, ...inner]));
      return { headers: [["Narun-Frame", "end 0 1000"], ...inner] };
    },
  });
  world.nats.subscribe("foreign", (message) => message.respond("body", createHeaders([...outer, ...inner])));
  world.nats.subscribe("foreign-error", (message) =>
    message.respond(
      "inner",
      createHeaders([["Nats-Service-Error-Code", "500"], ["Nats-Service-Error", "inner"], ...inner]),
    ),
  );
});
afterAll(() => world[Symbol.asyncDispose]());

async function send(request: string): Promise<string> {
  using client = await connectRaw(world.url);
  client.socket.write(request);
  return await client.ended;
}
const get = (path: string, line = "") =>
  `GET ${path} HTTP/1.1\r\nHost: test\r\n${line}Connection: close\r\n\r\n`;

describe("no inner field leaves", () => {
  it.each([
    ["a whole answer", "/whole", 201, true],
    ["the error of a function", "/error", 500, false],
    ["a reply that is no answer", "/broken", 502, false],
    ["a stream, nor its trailers", "/stream", 200, true],
    ["the answer of a service that narun does not run", "/foreign", 200, true],
    ["the error of one", "/foreign-error", 500, false],
    ["a refusal", "/nowhere", 404, false],
  ])("with %s", async (_what, path, status, hasOwn) => {
    const text = await send(get(path, "TE: trailers\r\n"));
    expect(statusesIn(text)).toEqual([status]);
    expect(text).not.toMatch(LEAK);
    expect(text.includes("X-Kept: kept")).toBe(hasOwn);
    if (path === "/stream") expect(text).toMatch(/0\r\nX-Trailer: kept\r\n\r\n$/);
  });

  it("with the answer to a HEAD", async () => {
    const text = await send(get("/whole").replace("GET", "HEAD"));
    expect(statusesIn(text)).toEqual([201]);
    expect(text).not.toMatch(LEAK);
  });

  it("with the 101 of a WebSocket", async () => {
    using client = await connectRaw(world.url);
    client.socket.write(handshake("/socket"));
    await client.has(/\r\n\r\n/);
    expect(statusesIn(client.text)).toEqual([101]);
    expect(client.text).toMatch(/\r\nX-Kept: kept\r\n/);
    expect(client.text).not.toMatch(LEAK);
  });

  it.each(["whole", "error", "stream", "socket"])("with the refusal of a WebSocket by /%s", async (path) => {
    const version = path === "socket" ? 7 : 13;
    expect(await send(handshake(`/${path}`, { version }))).not.toMatch(LEAK);
  });
});

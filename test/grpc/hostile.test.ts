/** Clients that break the rules of HTTP/2 and gRPC, or vanish: each gets a status or loses its connection, and no other notices. */
import { once } from "node:events";
import { type ClientHttp2Session, connect, constants } from "node:http2";
import { connect as connectTcp } from "node:net";
import { Metadata, status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { frameMessage } from "../../contracts/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";
import { createRandom } from "../soak/random.ts";
import { rawClient, rawSource } from "./raw-functions.ts";

let world: World;
let neighbour: ReturnType<typeof rawClient>;
beforeAll(async () => {
  world = await startWorld();
  await world.push("raw", rawSource, { grpc: ["pkg.Raw"], limits: { timeoutMs: 20_000 } });
  neighbour = rawClient(world.gateway.grpcAddress ?? "");
});
afterAll(async () => {
  neighbour[Symbol.dispose]();
  await world[Symbol.asyncDispose]();
});
afterEach(async () => {
  expect(await neighbour.call("/pkg.Raw/Echo", ["still there"], new Metadata())).toMatchObject({
    code: status.OK,
    messages: ["still there"],
  });
});

interface RawAnswer {
  http: number | undefined;
  grpc: string | undefined;
  message: string | undefined;
  body: Buffer;
  rst: number | undefined;
}

const head = (extra: Record<string, string | string[]> = {}) => ({
  ":method": "POST",
  ":path": "/pkg.Raw/Echo",
  "content-type": "application/grpc",
  te: "trailers",
  ...extra,
});

async function withSession<T>(run: (session: ClientHttp2Session) => Promise<T>): Promise<T> {
  const session = connect(`http://${world.gateway.grpcAddress}`);
  session.on("error", () => undefined);
  try {
    return await run(session);
  } finally {
    session.destroy();
  }
}

/** One request with these bytes as its body, half-closed after them. */
function request(
  session: ClientHttp2Session,
  fields: Record<string, string | string[]>,
  body: Uint8Array,
): Promise<RawAnswer> {
  const stream = session.request(fields);
  const parts: Buffer[] = [];
  const answer: RawAnswer = {
    http: undefined,
    grpc: undefined,
    message: undefined,
    body: Buffer.alloc(0),
    rst: undefined,
  };
  const read = (headers: Record<string, unknown>) => {
    answer.http ??= headers[":status"] === undefined ? undefined : Number(headers[":status"]);
    if (headers["grpc-status"] !== undefined) answer.grpc = String(headers["grpc-status"]);
    if (headers["grpc-message"] !== undefined) answer.message = String(headers["grpc-message"]);
  };
  stream.on("response", read);
  stream.on("trailers", read);
  stream.on("data", (part: Buffer) => parts.push(part));
  stream.on("error", () => undefined);
  stream.end(body);
  return new Promise((resolve) =>
    stream.on("close", () => resolve({ ...answer, body: Buffer.concat(parts), rst: stream.rstCode })),
  );
}

const ask = (fields: Record<string, string | string[]>, body: Uint8Array) =>
  withSession((session) => request(session, fields, body));

describe("a malformed call", () => {
  it.each([
    ["a prefix alone", Uint8Array.of(0, 0, 0)],
    ["a length beyond the body", Uint8Array.of(0, 0, 0, 0, 9, 1)],
    ["a flag that is none", Uint8Array.of(7, 0, 0, 0, 0)],
    ["a compressed message without an encoding", Uint8Array.of(1, 0, 0, 0, 1, 1)],
  ])("with %s is INTERNAL", async (_name, body) => {
    expect(await ask(head(), body)).toMatchObject({ http: 200, grpc: String(status.INTERNAL) });
  });

  it("that announces 4 GiB is refused before they come", async () => {
    const answer = await ask(head(), Uint8Array.of(0, 255, 255, 255, 255, 1));
    expect(answer).toMatchObject({ http: 200, grpc: String(status.RESOURCE_EXHAUSTED) });
  });

  it("of random bytes has a status, and never ends the gateway", async () => {
    const random = createRandom(1);
    await withSession(async (session) => {
      for (let round = 0; round < 200; round += 1) {
        const body = random.bytes(random.between(0, 40)).map((byte) => (byte < 160 ? byte % 3 : byte));
        const { http, grpc } = await request(session, head(), body);
        expect({ http, has: grpc !== undefined }).toEqual({ http: 200, has: true });
      }
    });
  });

  it.each([
    [{ ":method": "GET" }, 405],
    [{ "content-type": "application/json" }, 415],
    [{ "content-type": "application/grpc-web" }, 415],
    [{ "content-type": "application/grpcx" }, 415],
  ])("of %j is answered as HTTP: %i", async (fields, expected) => {
    const { http, grpc } = await ask(head(fields), new Uint8Array());
    expect({ http, grpc }).toEqual({ http: expected, grpc: undefined });
  });

  it.each([
    "/",
    "/pkg.Raw",
    "/pkg.Raw/",
    "//Echo",
    "/pkg.Raw/Echo/More",
    "/a/b?c=d",
    `/${"x".repeat(300)}/y`,
  ])("of the path %s is UNIMPLEMENTED", async (path) => {
    expect(await ask(head({ ":path": path }), frameMessage(new Uint8Array()))).toMatchObject({
      grpc: String(status.UNIMPLEMENTED),
    });
  });

  it.each(["", "1", "S", "123456789S", "-1S", "1x"])("with the timeout %j is INTERNAL", async (timeout) => {
    const answer = await ask(head({ "grpc-timeout": timeout }), frameMessage(new Uint8Array()));
    expect(answer.grpc).toBe(String(status.INTERNAL));
  });

  it.each(["0n", "1n", "1m"])("with the timeout %s is DEADLINE_EXCEEDED at once", async (timeout) => {
    const fields = head({ ":path": "/pkg.Raw/Sleep", "grpc-timeout": timeout });
    expect((await ask(fields, frameMessage(new Uint8Array()))).grpc).toBe(String(status.DEADLINE_EXCEEDED));
  });

  it("with a timeout of a hundred years is answered", async () => {
    const answer = await ask(head({ "grpc-timeout": "99999999H" }), frameMessage(Buffer.from("x")));
    expect(answer).toMatchObject({ grpc: "0", body: Buffer.from(frameMessage(Buffer.from("x"))) });
  });
});

describe("metadata", () => {
  it("of narun, NATS and the connection are not passed on", async () => {
    const fields = head({
      ":path": "/pkg.Raw/Metadata",
      ...{ "narun-deadline": "1", "nats-service-error": "x", "x-original-method": "GET", "x-mine": "1" },
    });
    const { body } = await ask(fields, frameMessage(new Uint8Array()));
    expect(body.toString()).toContain("x-mine: 1");
    expect(body.toString()).not.toMatch(/narun-|nats-|x-original-/);
  });

  it("beyond the bounds in size or number costs the call, not the connection", async () => {
    await withSession(async (session) => {
      const huge = await request(session, head({ "x-huge": "x".repeat(20_000) }), new Uint8Array());
      const many = Object.fromEntries(Array.from({ length: 400 }, (_, at) => [`x-${at}`, "1"]));
      const tooMany = await request(session, head(many), new Uint8Array());
      for (const { grpc, rst } of [huge, tooMany]) {
        expect(grpc).not.toBe("0");
        if (grpc === undefined) expect(rst).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      }
      expect((await request(session, head(), frameMessage(Buffer.from("x")))).grpc).toBe("0");
    });
  });
});

describe("a client that vanishes", () => {
  it("in a call of each kind leaves nothing behind", async () => {
    for (const method of ["Echo", "Chat", "Sleep", "Count"]) {
      const session = connect(`http://${world.gateway.grpcAddress}`);
      session.on("error", () => undefined);
      const stream = session.request(head({ ":path": `/pkg.Raw/${method}` }));
      stream.on("error", () => undefined);
      stream.write(frameMessage(Buffer.from("x")));
      await eventually(() => expect(world.gateway.counts().get("raw")?.inFlight ?? 0).toBeGreaterThan(0));
      session.destroy();
      await eventually(() => expect(world.gateway.counts().get("raw")).toBeUndefined());
    }
  });

  it("resets a thousand calls at once, and each is taken back", async () => {
    const session = connect(`http://${world.gateway.grpcAddress}`);
    session.on("error", () => undefined);
    await once(session, "connect");
    for (let count = 0; count < 1_500 && !session.destroyed; count += 1) {
      const stream = session.request(head({ ":path": "/pkg.Raw/Sleep" }));
      stream.on("error", () => undefined);
      stream.write(frameMessage(new Uint8Array()));
      stream.close(constants.NGHTTP2_CANCEL);
    }
    await eventually(() => expect(world.gateway.counts().get("raw")).toBeUndefined());
    session.destroy();
  });
});

describe("a connection of", () => {
  it.each([
    ["HTTP/1.1", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["random bytes", createRandom(7).bytes(2_000).toString("latin1")],
    [
      "a preface and random frames",
      `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${createRandom(8).bytes(5_000).toString("latin1")}`,
    ],
  ])("%s is ended", async (_name, bytes) => {
    const [host = "", port] = (world.gateway.grpcAddress ?? "").split(":");
    const socket = connectTcp(Number(port), host);
    socket.on("error", () => undefined);
    socket.write(bytes, "latin1");
    socket.resume();
    await once(socket, "close");
  });
});

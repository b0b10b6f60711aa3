import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text as textOf } from "node:stream/consumers";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { setSecret } from "../../control/index.ts";
import { generateSecretsKey, openByteKv, parseSecretsKey } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";

/** How many calls go over a restart of everything. The long form is for `NARUN_TEST_CALLS=1000`. */
const CALLS = Number(process.env.NARUN_TEST_CALLS ?? 100);

const KEY = generateSecretsKey();
const ASYNC = { prefer: "respond-async" };

const ECHO = `
  export default { async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname.endsWith("/slow")) await new Promise((over) => setTimeout(over, 1_500));
    if (url.pathname.endsWith("/bad")) throw new Error("no");
    const body = await request.text();
    const size = Number(url.searchParams.get("size") ?? 0);
    const headers = { "x-method": request.method, "x-attempt": request.headers.get("async-attempt") ?? "none" };
    return new Response(size > 0 ? "x".repeat(size) : body.length > 100 ? String(body.length) : body + url.search, { status: 201, headers });
  } };`;

let world: World;

beforeAll(async () => {
  world = await startWorld({ secretsKey: KEY });
  const key = parseSecretsKey(KEY);
  if (key === undefined) throw new Error("the key is one");
  await setSecret(world.connection, key, { name: "hook", value: "s3cret", description: undefined });
  await world.push("echo", ECHO);
});
afterAll(() => world[Symbol.asyncDispose]());

const post = (path: string, body = "hi", headers: Record<string, string> = {}) =>
  world.call(path, { method: "POST", body, headers: { ...ASYNC, ...headers } });

function locationOf({ status, headers }: { status: number; headers: Headers }): string {
  expect(status).toBe(202);
  return headers.get("location") ?? "";
}

const resultOf = (location: string, wait = 30) =>
  world.call(location, { headers: { prefer: `wait=${wait}` } });

describe("a request that prefers to be answered before it runs", () => {
  it("gets 202 with a location, where its result is fetched", async () => {
    const accepted = await post("/echo/a?x=1");
    expect(accepted.headers.get("preference-applied")).toBe("respond-async");
    const location = locationOf(accepted);
    expect(location).toMatch(/^\/echo\/\.narun\/calls\/[\w-]{22}$/);
    const result = await resultOf(location);
    expect([result.status, result.text]).toEqual([201, "hi?x=1"]);
    expect(result.headers.get("x-method")).toBe("POST");
    expect(result.headers.get("x-attempt")).toBe("1");
    expect(result.headers.get("async-state")).toBe("done");
    const state = await world.call(`${location}?state`);
    expect(JSON.parse(state.text)).toMatchObject({ function: "echo", state: "done", attempts: 1 });
  });

  it("is told the state while it runs", async () => {
    const location = locationOf(await post("/echo/slow"));
    const running = await eventually(async () => {
      const answer = await world.call(location);
      expect(JSON.parse(answer.text).state).toBe("running");
      return answer;
    });
    expect([running.status, running.headers.get("retry-after")]).toEqual([202, "1"]);
    expect((await resultOf(location)).status).toBe(201);
  });

  it("may wait for the result at once", async () => {
    const result = await post("/echo", "now", { prefer: "respond-async, wait=20" });
    expect([result.status, result.text]).toEqual([201, "now"]);
  });

  it("has the error that it would have had", async () => {
    const result = await resultOf(locationOf(await post("/echo/bad")));
    expect([result.status, result.code]).toEqual([500, "HANDLER_THREW"]);
  });

  it("may have a large body, and a large result", async () => {
    const large = "y".repeat(9 * 1024 * 1024);
    const sent = await resultOf(locationOf(await post("/echo", large)));
    expect(sent.text).toBe(String(large.length));
    const got = await resultOf(locationOf(await post(`/echo?size=${large.length}`)));
    expect(got.text.length).toBe(large.length);
  }, 90_000);

  it("is one call for each Idempotency-Key", async () => {
    const key = { "idempotency-key": "k1" };
    const first = locationOf(await post("/echo", "one", key));
    expect(locationOf(await post("/echo", "one", key))).toBe(first);
    const other = await post("/echo", "two", key);
    expect([other.status, other.code]).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
    // Another client's key is another key.
    const foreign = await post("/echo", "one", { ...key, authorization: "Bearer other" });
    expect(locationOf(foreign)).not.toBe(first);
  });

  it("gets 404 for an id that is none, and 405 for another method", async () => {
    const none = await world.call(`/echo/.narun/calls/${"a".repeat(22)}`);
    expect([none.status, none.code]).toEqual([404, "CALL_NOT_FOUND"]);
    const location = locationOf(await post("/echo"));
    expect((await world.call(location, { method: "DELETE" })).status).toBe(405);
  });
});

describe("the key `async`", () => {
  it("answers every request so, some routes, or none", async () => {
    await world.push("always", ECHO, { async: true });
    expect((await world.call("/always")).status).toBe(202);
    await world.push("never", ECHO, { async: false });
    expect((await post("/never")).status).toBe(201);
    const routes = [{ path: "/mixed/now" }, { path: "/mixed/later", async: true }];
    await world.push("mixed", ECHO, { routes });
    expect((await world.call("/mixed/now")).status).toBe(201);
    expect((await world.call("/mixed/later")).status).toBe(202);
  });

  it("refuses more calls than may wait, and takes them again later", async () => {
    const manager = await jetstreamManager(world.connection.connection);
    const { config } = await manager.streams.info("narun-calls");
    await manager.streams.update("narun-calls", { max_msgs_per_subject: 3 });
    try {
      await world.push("full", ECHO, { async: true, scale: { max: 1, concurrency: 1 } });
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => world.call("/full/slow", { method: "POST" })),
      );
      const refused = answers.filter(({ status }) => status !== 202);
      expect(refused.length).toBeGreaterThan(0);
      expect(refused[0]?.code).toBe("CALL_QUEUE_FULL");
      expect(refused[0]?.headers.get("retry-after")).toMatch(/^\d+$/);
      for (const answer of answers.filter(({ status }) => status === 202))
        expect((await resultOf(locationOf(answer))).status).toBe(201);
      await eventually(async () => expect((await world.call("/full", { method: "POST" })).status).toBe(202));
    } finally {
      await manager.streams.update("narun-calls", { max_msgs_per_subject: config.max_msgs_per_subject });
    }
  });
});

describe("a call behind one that blocks its instance until the time is over", () => {
  it.each(["isolate", "node"])(
    "is no attempt before a handler begins it, in the mode %s",
    async (mode) => {
      const name = `blocked-${mode}`;
      const source = `
      export default { async fetch(request, env) {
        if (await request.text() === "loop") {
          await env.SEEN.put("${mode}", "");
          const until = Date.now() + 6_000;
          while (Date.now() < until);
        }
        return new Response(request.headers.get("async-attempt"));
      } };`;
      await world.push(name, source, {
        ...{ mode, async: true },
        scale: { max: 1, concurrency: 4 },
        limits: { timeoutMs: 1_000, cpuMs: 20_000 },
        bindings: [{ name: "SEEN", kv: "seen" }],
      });
      const call = async (body: string) => locationOf(await world.call(`/${name}`, { method: "POST", body }));
      // A start may take longer than a call has, and the loop must begin.
      expect(await resultOf(await call("warm"))).toMatchObject({ status: 200 });
      const loop = await call("loop");
      const seen = await openByteKv(world.connection, "seen");
      await eventually(async () => expect(await seen.get(mode)).toBeDefined(), { timeoutMs: 20_000 });
      const others = await Promise.all(["one", "two"].map(call));
      expect((await resultOf(loop)).code).toBe("DEADLINE_EXCEEDED");
      for (const location of others)
        expect(await resultOf(location)).toMatchObject({ status: 200, text: "1" });
      expect((await world.logs(name)).map(({ message }) => message).join("\n")).toContain("NOT_BEGUN");
    },
    120_000,
  );
});

describe("a callback", () => {
  const received: { headers: IncomingMessage["headers"]; body: string }[] = [];
  const statuses = [500, 200];
  const receiver = createServer(async (request, response) => {
    received.push({ headers: request.headers, body: await textOf(request) });
    response.writeHead(statuses.shift() ?? 200).end();
  });
  let url: string;
  beforeAll(async () => {
    receiver.listen(0, "127.0.0.1");
    await once(receiver, "listening");
    const { port } = receiver.address() as AddressInfo;
    url = `http://127.0.0.1:${port}/hook`;
    const settings = { async: { when: "preferred", secret: "hook" } };
    await world.push("open", ECHO, { ...settings, egress: [`127.0.0.1:${port}`] });
    await world.push("closed", ECHO, settings);
  });
  afterAll(() => void receiver.close());

  it("gets the result, signed, and again until it takes it", async () => {
    const location = locationOf(await post("/open", "hi", { "narun-callback": url }));
    await eventually(() => expect(received.length).toBe(2));
    const [first, second] = received;
    expect(second?.body).toBe(first?.body);
    const { headers = {}, body = "" } = second ?? {};
    const id = String(headers["webhook-id"]);
    const signed = `${id}.${headers["webhook-timestamp"]}.${body}`;
    const signature = createHmac("sha256", "s3cret").update(signed).digest("base64");
    expect(headers["webhook-signature"]).toBe(`v1,${signature}`);
    expect(location.endsWith(id)).toBe(true);
    expect(JSON.parse(body)).toMatchObject({
      type: "call.done",
      data: { id, status: 201, body: "hi", attempts: 1 },
    });
  });

  it("is refused where its address is private, no URL, or nothing signs it", async () => {
    for (const [path, callback] of [
      ["/closed", url],
      ["/closed", "http://localhost:1/x"],
      ["/closed", "http://169.254.169.254/latest"],
      ["/closed", "ftp://example.com/"],
      ["/closed", "https://user:password@example.com/"],
      ["/echo", "https://example.com/"],
    ] as const) {
      const answer = await post(path, "hi", { "narun-callback": callback });
      expect([callback, answer.status, answer.code]).toEqual([callback, 400, "CALLBACK_REFUSED"]);
    }
  });
});

describe("a call that is not stored", () => {
  /** A call while a stream stores without an answer. */
  const postWithoutAcks = async (stream: string) => {
    locationOf(await post("/echo"));
    const manager = await jetstreamManager(world.connection.connection);
    await manager.streams.update(stream, { no_ack: true });
    try {
      return await post("/echo", "seen");
    } finally {
      await manager.streams.update(stream, { no_ack: false });
    }
  };

  it("is not answered 202: no acknowledgement of narun-calls", async () => {
    const { status, code } = await postWithoutAcks("narun-calls");
    expect([status, code]).toEqual([503, "CALL_NOT_STORED"]);
  }, 60_000);

  it("is answered 202 without an acknowledgement where its record was read at the stream's leader", async () => {
    const location = locationOf(await postWithoutAcks("KV_narun-call-records"));
    await eventually(async () => expect((await resultOf(location)).text).toBe("seen"), { timeoutMs: 90_000 });
  }, 120_000);

  it("is not answered 202 by a server that dies before it acknowledges", async () => {
    locationOf(await post("/echo"));
    process.kill(world.nats.pid, "SIGSTOP");
    const answering = post("/echo", "lost?");
    await world.nats.kill9();
    const answer = await answering;
    // The server may have come back in time.
    if (answer.status === 202) expect((await resultOf(locationOf(answer), 60)).text).toBe("lost?");
    else expect([answer.status, answer.code]).toEqual([503, "CALL_NOT_STORED"]);
    await eventually(async () => locationOf(await post("/echo")), { timeoutMs: 60_000 });
  }, 120_000);
});

describe("a restart of everything", () => {
  it("loses no call that was accepted", async () => {
    const accepted = await Promise.all(
      Array.from({ length: CALLS }, (_, number) => post("/echo/slow", `r${number}`)),
    );
    const locations = accepted.map(locationOf);
    const [node] = world.nodes;
    await Promise.all([world.nats.kill9(), node?.kill9()]);
    // A node does not start before its server is there.
    await eventually(() => world.startNode("node-again"), { timeoutMs: 30_000 });
    const results = await Promise.all(
      locations.map((location) =>
        eventually(
          async () => {
            const result = await resultOf(location);
            expect(result.status).toBe(201);
            return result.text;
          },
          { timeoutMs: 60_000 + CALLS * 50 },
        ),
      ),
    );
    expect(results).toEqual(Array.from({ length: CALLS }, (_, number) => `r${number}`));
  }, 300_000);
});

import { describe, expect, it } from "vitest";
import { headerNames } from "../contracts/index.ts";
import { call } from "../gateway/testing/http-client.ts";
import type { PeerHandler, PeerReply } from "../gateway/testing/peer-node.ts";
import { OTHER_REVISION, REVISION, specOf, startGatewayWorld } from "../gateway/testing/world.ts";
import { registerMicroService } from "../nats/index.ts";
import { eventually } from "../test/harness/eventually.ts";

const problem = (text: string) => JSON.parse(text) as Record<string, unknown>;

/** A handler that answers when it is told to. */
function gate(): { handler: PeerHandler; open(): void } {
  const opened = Promise.withResolvers<void>();
  return { handler: () => opened.promise.then((): PeerReply => ({ data: "late" })), open: opened.resolve };
}

describe("a request for a function that sleeps", () => {
  it("is held until a node has started an instance, and says how long that took", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const node = await world.startNode({
      onDemand(demand, peer) {
        void peer.start(demand.function, { revision: demand.revision, id: "started" });
        return { outcome: "starting", instance: "started" };
      },
    });
    const answer = await call(`${world.url}/fn`);
    expect(answer).toMatchObject({ status: 200, text: "hello" });
    expect(answer.headers["server-timing"]).toMatch(/^hold;dur=[\d.]+, start;dur=[\d.]+$/);
    expect(node.demands).toEqual([{ function: "fn", revision: REVISION }]);
    expect((await call(`${world.url}/fn`)).headers["server-timing"]).toBeUndefined();
  });

  it("is held until a consumer joins that narun did not start", async () => {
    await using world = await startGatewayWorld({
      gateway: { config: { routes: [{ path: "/echo/", methods: [], service: "echo" }] } },
    });
    const pending = call(`${world.url}/echo/x`, { method: "POST", body: "early" });
    await eventually(() => expect(world.gateway.counts().get("echo")).toEqual({ held: 1, inFlight: 0 }));
    registerMicroService(world.nats, {
      name: "echo",
      version: "1.0.0",
      endpoints: [
        {
          name: "handler",
          subject: "echo",
          handle(message, done) {
            message.respond(message.data);
            done();
          },
        },
      ],
    });
    expect(await pending).toMatchObject({ status: 200, text: "early" });
    expect(await call(`${world.url}/echo/x`, { method: "POST", body: "now" })).toMatchObject({ text: "now" });
  });

  it("is released at most as many at a time as the instance handles, in the order of arrival", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const node = await world.startNode();
    const pending: Promise<unknown>[] = [];
    for (let n = 0; n < 20; n++) {
      pending.push(call(`${world.url}/fn?${n}`));
      await eventually(() => expect(world.gateway.counts().get("fn")?.held).toBe(n + 1));
    }
    const turns: (() => void)[] = [];
    const instance = await node.start("fn", {
      revision: REVISION,
      concurrency: 3,
      handler: () => new Promise((resolve) => turns.push(() => resolve({}))),
    });
    for (let n = 0; n < 20; n++) {
      await eventually(() => expect(turns.length).toBe(Math.min(20, n + 3)));
      turns[n]?.();
    }
    await Promise.all(pending);
    expect(instance.mostInFlight).toBe(3);
    expect(instance.taken.map(({ headers }) => headers?.get("X-Original-Query")?.[0])).toEqual(
      Array.from({ length: 20 }, (_, n) => String(n)),
    );
  });

  it("is refused with 429 where too many wait", async () => {
    await using world = await startGatewayWorld({
      specs: [specOf("fn")],
      gateway: { hold: { maxRequestsPerService: 2 } },
    });
    const held = [call(`${world.url}/fn`), call(`${world.url}/fn`)];
    await eventually(() => expect(world.gateway.counts().get("fn")?.held).toBe(2));
    const refused = await call(`${world.url}/fn`);
    expect(problem(refused.text)).toMatchObject({ status: 429, code: "HOLD_QUEUE_FULL" });
    expect(refused.headers["retry-after"]).toMatch(/^\d+$/);
    const node = await world.startNode();
    await node.start("fn", { revision: REVISION });
    for (const answer of await Promise.all(held)) expect(answer.status).toBe(200);
  });

  it("is refused with 503 when its hold is over", async () => {
    await using world = await startGatewayWorld({
      specs: [specOf("fn")],
      gateway: { hold: { holdMs: 50 } },
    });
    const answer = await call(`${world.url}/fn`);
    expect(problem(answer.text)).toMatchObject({ status: 503, code: "NO_CONSUMER" });
    expect(answer.headers["retry-after"]).toMatch(/^\d+$/);
  });

  it("keeps to the limits where nobody subscribes to a static route's service", async () => {
    await using world = await startGatewayWorld({
      gateway: {
        config: { routes: [{ path: "/echo/", methods: [], service: "echo" }] },
        hold: { maxRequestsPerService: 5 },
      },
    });
    const leaving = new AbortController();
    const statuses: number[] = [];
    const calls = Array.from({ length: 20 }, async () => {
      const { status } = await call(`${world.url}/echo/`, { signal: leaving.signal });
      statuses.push(status);
    });
    const all = Promise.allSettled(calls);
    await eventually(() => expect(statuses).toEqual(Array(15).fill(429)));
    await eventually(() => expect(world.gateway.counts().get("echo")?.held).toBe(5));
    leaving.abort();
    await all;
    expect(statuses).toHaveLength(15);
  });

  it("is forgotten when its client goes away", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const leaving = new AbortController();
    const pending = call(`${world.url}/fn`, { signal: leaving.signal }).catch((error: Error) => error.name);
    await eventually(() => expect(world.gateway.counts().get("fn")?.held).toBe(1));
    leaving.abort();
    expect(await pending).toBe("AbortError");
    await eventually(() => expect(world.gateway.counts().size).toBe(0));
    const node = await world.startNode();
    const instance = await node.start("fn", { revision: REVISION });
    expect((await call(`${world.url}/fn`)).status).toBe(200);
    expect(instance.taken.length).toBe(1);
  });
});

describe("a request in flight", () => {
  it("gives its place back when its client goes away", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const node = await world.startNode();
    const { handler, open } = gate();
    const instance = await node.start("fn", { revision: REVISION, concurrency: 1, handler });
    const leaving = new AbortController();
    const first = call(`${world.url}/fn`, { signal: leaving.signal }).catch((error: Error) => error.name);
    await eventually(() => expect(instance.inFlight).toBe(1));
    const second = call(`${world.url}/fn`);
    await eventually(() => expect(world.gateway.counts().get("fn")).toEqual({ held: 1, inFlight: 1 }));
    leaving.abort();
    expect(await first).toBe("AbortError");
    await eventually(() => expect(instance.inFlight).toBe(2));
    open();
    expect(await second).toMatchObject({ status: 200, text: "late" });
  });

  it("is answered 504 when its deadline passes", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn", { limits: { timeoutMs: 200 } })] });
    const node = await world.startNode();
    await node.start("fn", { revision: REVISION, handler: gate().handler });
    expect(problem((await call(`${world.url}/fn`)).text)).toMatchObject({
      status: 504,
      code: "DEADLINE_EXCEEDED",
    });
  });

  it("goes elsewhere when the instance says that it drains, whatever its method", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const node = await world.startNode();
    const leaving = await node.start("fn", { revision: REVISION });
    leaving.refuse();
    const pending = call(`${world.url}/fn`, { method: "POST", body: "x" });
    await eventually(() => expect(world.gateway.counts().get("fn")).toEqual({ held: 1, inFlight: 0 }));
    const staying = await node.start("fn", { revision: REVISION });
    expect((await pending).status).toBe(200);
    expect([leaving.taken.length, staying.taken.length]).toEqual([0, 1]);
  });

  it("goes elsewhere when nobody subscribes to the instance any more", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const node = await world.startNode();
    const vanished = await node.start("fn", { revision: REVISION });
    vanished.vanish();
    await node.nats.flush();
    const pending = call(`${world.url}/fn`, { method: "POST", body: "x" });
    await eventually(() => expect(world.gateway.counts().get("fn")).toEqual({ held: 1, inFlight: 0 }));
    await node.start("fn", { revision: REVISION });
    expect((await pending).status).toBe(200);
  });

  it.each([
    { method: "GET", headers: [], status: 200, runs: 2 },
    { method: "POST", headers: [], status: 502, runs: 1 },
    { method: "POST", headers: ["Idempotency-Key", "k"], status: 200, runs: 2 },
  ])(
    "$method $headers is answered $status when its instance crashes",
    async ({ method, headers, status, runs }) => {
      await using world = await startGatewayWorld({ specs: [specOf("fn")] });
      const node = await world.startNode();
      const crashing = await node.start("fn", { revision: REVISION, handler: gate().handler });
      const pending = call(`${world.url}/fn`, { method, headers });
      await eventually(() => expect(crashing.inFlight).toBe(1));
      const other = await node.start("fn", { revision: REVISION });
      crashing.crash();
      const answer = await pending;
      expect(answer.status).toBe(status);
      if (status === 502) expect(problem(answer.text)).toMatchObject({ code: "CONSUMER_DIED" });
      expect(crashing.taken.length + other.taken.length).toBe(runs);
    },
  );

  it("is sent three times at most", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const node = await world.startNode();
    const pending = call(`${world.url}/fn`);
    for (let n = 0; n < 3; n++) {
      const crashing = await node.start("fn", { revision: REVISION, handler: gate().handler });
      await eventually(() => expect(crashing.inFlight).toBe(1));
      crashing.crash();
    }
    expect(problem((await pending).text)).toMatchObject({ status: 502, code: "CONSUMER_DIED" });
  });

  it("does not count a refusal as a send", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const node = await world.startNode();
    const pending = call(`${world.url}/fn`);
    await eventually(() => expect(world.gateway.counts().get("fn")?.held).toBe(1));
    for (let n = 0; n < 3; n++)
      await node.start("fn", { revision: REVISION, id: `refusing-${n}`, isRefusing: true });
    const crashing = await node.start("fn", { revision: REVISION, handler: gate().handler });
    await eventually(() => expect(crashing.inFlight).toBe(1));
    await node.start("fn", { revision: REVISION });
    crashing.crash();
    expect((await pending).status).toBe(200);
  });

  it("is sent again when its node dies without a word", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const dying = await world.startNode();
    const staying = await world.startNode();
    const lost = await dying.start("fn", { revision: REVISION, handler: gate().handler });
    const pending = [call(`${world.url}/fn`), call(`${world.url}/fn`, { method: "POST" })];
    await eventually(() => expect(lost.inFlight).toBe(2));
    await staying.start("fn", { revision: REVISION });
    await dying.die();
    expect((await Promise.all(pending)).map(({ status }) => status)).toEqual([200, 502]);
  });

  it("is sent again when its node comes back as another run of its runner", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const before = await world.startNode({ node: "same" });
    const lost = await before.start("fn", { revision: REVISION, handler: gate().handler });
    const pending = [call(`${world.url}/fn`), call(`${world.url}/fn`, { method: "POST" })];
    await eventually(() => expect(lost.inFlight).toBe(2));
    await before.die();
    const after = await world.startNode({ node: "same" });
    await after.start("fn", { revision: REVISION });
    expect((await Promise.all(pending)).map(({ status }) => status)).toEqual([200, 502]);
    expect((await call(`${world.url}/fn`)).status).toBe(200);
  });

  it("is answered by the host of a runner that was killed, though the next runner is there", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const before = await world.startNode({ node: "same" });
    const { handler, open } = gate();
    const old = await before.start("fn", { revision: REVISION, handler });
    const pending = [call(`${world.url}/fn`), call(`${world.url}/fn`, { method: "POST" })];
    await eventually(() => expect(old.inFlight).toBe(2));
    await before.orphan();
    const after = await world.startNode({ node: "same" });
    const next = await after.start("fn", { revision: REVISION });
    // Nothing new goes to the old one.
    expect(await call(`${world.url}/fn`)).toMatchObject({ status: 200, text: "hello" });
    open();
    for (const answer of await Promise.all(pending))
      expect(answer).toMatchObject({ status: 200, text: "late" });
    expect([old.taken.length, next.taken.length]).toEqual([2, 1]);
  });

  it("waits for a host whose node is silent where it may not run twice, and goes elsewhere where it may", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const [leaving, staying] = [await world.startNode(), await world.startNode()];
    const { handler, open } = gate();
    const old = await leaving.start("fn", { revision: REVISION, handler });
    const read = call(`${world.url}/fn`);
    const write = call(`${world.url}/fn`, { method: "POST" });
    await eventually(() => expect(old.inFlight).toBe(2));
    await staying.start("fn", { revision: REVISION });
    await leaving.orphan();
    expect(await read).toMatchObject({ status: 200, text: "hello" });
    open();
    expect(await write).toMatchObject({ status: 200, text: "late" });
  });

  it("prefers the live revision, and takes another while none of it is there", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const node = await world.startNode();
    const old = await node.start("fn", { revision: OTHER_REVISION });
    await call(`${world.url}/fn`);
    expect(old.taken.length).toBe(1);
    const live = await node.start("fn", { revision: REVISION });
    await eventually(async () => {
      await call(`${world.url}/fn`);
      expect(live.taken.length).toBe(1);
    });
    for (let n = 0; n < 10; n++) await call(`${world.url}/fn`);
    expect(live.taken.length).toBe(11);
  });
});

describe("when nats-server is killed", () => {
  it("answers what was in flight and what comes meanwhile, after the restart", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const node = await world.startNode();
    const slow = gate();
    const instance = await node.start("fn", { revision: REVISION, handler: slow.handler });
    const before = Array.from({ length: 5 }, () => call(`${world.url}/fn`));
    await eventually(() => expect(instance.inFlight).toBe(5));
    await world.server.kill9();
    const during = Array.from({ length: 5 }, () => call(`${world.url}/fn`));
    slow.open();
    for (const answer of await Promise.all([...before, ...during])) {
      expect(answer).toMatchObject({ status: 200, text: "late" });
    }
  });
});

describe("a request that may not run twice", () => {
  it("still gets its reply after nats-server was killed under it", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const node = await world.startNode();
    const slow = gate();
    const instance = await node.start("fn", { revision: REVISION, handler: slow.handler });
    const pending = call(`${world.url}/fn`, { method: "POST", body: "x" });
    await eventually(() => expect(instance.inFlight).toBe(1));
    await world.server.kill9();
    // Held until the gateway and the node are both back.
    const after = call(`${world.url}/fn`, { method: "POST", body: "y" });
    await eventually(() => expect(instance.inFlight).toBe(2));
    slow.open();
    expect((await Promise.all([pending, after])).map(({ status }) => status)).toEqual([200, 200]);
    expect(instance.taken.length).toBe(2);
  });
});

describe("an instance that was there before the gateway", () => {
  it("is found", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const node = await world.startNode();
    await node.start("fn", { revision: REVISION });
    const second = await world.startGateway();
    expect(await call(`${second.httpUrl}/fn`)).toMatchObject({ status: 200, text: "hello" });
    expect(node.demands).toEqual([]);
  });
});

describe("the request's deadline", () => {
  it("travels with it, and is the function's own", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn", { limits: { timeoutMs: 5_000 } })] });
    const node = await world.startNode();
    const instance = await node.start("fn", { revision: REVISION });
    const before = Date.now();
    await call(`${world.url}/fn`);
    const deadline = Number(instance.taken[0]?.headers?.get(headerNames.deadline)?.[0]);
    expect(deadline).toBeGreaterThanOrEqual(before + 5_000);
    expect(deadline).toBeLessThanOrEqual(Date.now() + 5_000);
  });

  it("travels as what is left of it when it is sent, too", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn", { limits: { timeoutMs: 5_000 } })] });
    const node = await world.startNode();
    const answering = call(`${world.url}/fn`);
    await eventually(() => expect(world.gateway.counts().get("fn")?.held).toBe(1));
    const instance = await node.start("fn", { revision: REVISION });
    const heldMs = Number(/hold;dur=([\d.]+)/.exec(String((await answering).headers["server-timing"]))?.[1]);
    const left = Number(instance.taken[0]?.headers?.get(headerNames.timeout)?.[0]);
    expect(left).toBeLessThanOrEqual(5_001 - heldMs);
    expect(left).toBeGreaterThan(0);
  });
});

/** Requests by the socket between a gateway and the hosts of its machine, and their way back to NATS when it breaks. */
import { afterAll, describe, expect, it } from "vitest";
import type { Gateway } from "../gateway/index.ts";
import { eventually } from "./harness/eventually.ts";
import { gated } from "./harness/gated.ts";
import { type SocketLink, startSocketLink } from "./harness/socket-link.ts";
import { begun, seen, watched } from "./harness/watched-streams.ts";
import { readAnswer, startWorld } from "./harness/world.ts";

const world = await startWorld({ gateway: { shortPath: "auto" } });
const closers = new AsyncDisposableStack();
afterAll(async () => {
  await closers.disposeAsync();
  await world[Symbol.asyncDispose]();
});

const scale = { idleSeconds: 300, concurrency: 1_000 };
/** A request without an answer ends only after the test has failed. */
const limits = { timeoutMs: 120_000 };

/** A gateway that reaches the host through a link. All functions of this file share the host. */
let linked: Promise<{ gateway: Gateway; link: SocketLink }> | undefined;
async function startLinked() {
  await world.push("first", `export default () => new Response("first")`, { scale });
  await world.call("/first");
  const ready = await world.announced("first", "ready");
  const path = ready.state === "ready" ? (ready.socket?.path ?? "") : "";
  const link = closers.use(await startSocketLink(path));
  return { gateway: await world.startGateway({ shortPath: "auto" }), link };
}

async function viaLink() {
  linked ??= startLinked();
  const { gateway, link } = await linked;
  await eventually(() => expect(link.connections).toBe(1));
  const call = async (path: string, init?: RequestInit) =>
    readAnswer(await fetch(gateway.httpUrl + path, init));
  const post = (path: string, body: string) => call(path, { method: "POST", body });
  /** The gateway has found the instance, and its connection to the host. */
  const warm = (name: string) =>
    eventually(async () => expect((await call(`/${name}?warm`)).status).toBe(200));
  return { gateway, link, base: gateway.httpUrl, call, post, warm };
}

const counting = `let calls = 0; export default async (request) => {
  if (request.method === "GET") return new Response(String(calls));
  return new Response(++calls + " " + (await request.text()));
};`;

/** Answers with the number of runs of each POST, with much text behind it for the body "large". */
const onceEach = `const runs = new Map(); export default async (request) => {
  const id = new URL(request.url).search;
  if (id === "?most") return new Response(String(Math.max(...runs.values())));
  if (request.method === "GET") return new Response(String(runs.size));
  const body = await request.text();
  runs.set(id, (runs.get(id) ?? 0) + 1);
  return new Response(id + " ran " + runs.get(id) + " ".repeat(body === "large" ? 50_000 : 0));
};`;

describe("a request to a host of the same machine", () => {
  it("does not go over NATS, but does where the short path is off", async () => {
    const overNats: string[] = [];
    await world.push("ways", counting, { scale });
    const { call, post } = await viaLink();
    await call("/ways");
    const subscription = world.connection.subscribe(
      "narun.i.>",
      ({ subject }) => void overNats.push(subject),
    );
    await world.connection.flush();
    for (let round = 1; round <= 10; round++)
      expect(await post("/ways", "x")).toMatchObject({ status: 200, text: `${round} x` });
    expect(overNats).toEqual([]);
    const other = await world.startGateway({ shortPath: "off" });
    expect(await (await fetch(`${other.httpUrl}/ways`)).text()).toBe("10");
    await eventually(() => expect(overNats).toHaveLength(1));
    subscription.unsubscribe();
  });
});

describe("a request that takes long", () => {
  it("is asked for over NATS only after its socket broke", async () => {
    await world.push("long", gated("calls"), { scale, limits });
    const { link, call, post, warm } = await viaLink();
    await warm("long");
    const other = await world.startGateway({ shortPath: "off" });
    expect((await fetch(`${other.httpUrl}/long?warm`)).status).toBe(200);
    const askers: string[] = [];
    const subscription = world.connection.subscribe("narun.s.*.ask", (message) => {
      for (const id of JSON.parse(message.text()).requests) askers.push(id.replace(/\w+$/, ""));
    });
    await world.connection.flush();
    const answers = [post("/long", "x")];
    await eventually(async () => expect(await world.ps("long")).toMatchObject([{ inFlight: 1 }]));
    answers.push(fetch(`${other.httpUrl}/long`, { method: "POST" }).then(readAnswer));
    await eventually(() => expect(askers.length).toBeGreaterThan(2));
    expect(new Set(askers).size).toBe(1);
    link.cut();
    await eventually(() => expect(new Set(askers).size).toBe(2));
    await call("/long?open");
    for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ status: 200, text: "2" });
    subscription.unsubscribe();
  });
});

describe("a request that reaches its host after its instance has gone", () => {
  it("is refused there and sent to the next one, though it may not run twice", async () => {
    const source = (revision: number) => counting.replace("++calls", `"of ${revision}: " + ++calls`);
    await world.push("late", source(1), { scale, limits });
    const { gateway, link, post, warm } = await viaLink();
    await warm("late");
    link.stall("to-host");
    const answer = post("/late", "x");
    await eventually(() => expect(gateway.counts().get("late")).toEqual({ held: 0, inFlight: 1 }));
    await world.push("late", source(2), { scale, limits });
    await world.call("/late");
    expect(await world.announced("late", "gone")).toMatchObject({ reason: "replaced" });
    for (let round = 0; round < 5; round++) await world.connection.flush();
    link.resume("to-host");
    expect(await answer).toMatchObject({ status: 200, text: "of 2: 1 x" });
  });
});

describe("when the socket of a host breaks", () => {
  it("requests go over NATS, and over a socket again when there is one", async () => {
    await world.push("breaks", counting, { scale });
    const { link, call, post, warm } = await viaLink();
    await warm("breaks");
    const before = Number((await call("/breaks")).text);
    link.cut();
    for (let round = 1; round <= 5; round++)
      expect(await post("/breaks", "x")).toMatchObject({ status: 200, text: `${before + round} x` });
    await eventually(() => expect(link.connections).toBe(1));
  });

  it("requests that go on are answered when they are done, each once", async () => {
    await world.push("goes", gated("calls + request.method"), { scale, limits });
    const { link, call, post, warm } = await viaLink();
    await warm("goes");
    const answers = Array.from({ length: 10 }, () => post("/goes", "body"));
    await eventually(async () => expect(await world.ps("goes")).toMatchObject([{ inFlight: 10 }]));
    link.cut();
    await call("/goes?open");
    for (const answer of await Promise.all(answers))
      expect(answer).toMatchObject({ status: 200, text: "10POST" });
  });

  it("a request that never came is sent again, though it may not run twice", async () => {
    await world.push("lost", counting, { scale, limits });
    const { link, call, post, warm } = await viaLink();
    await warm("lost");
    const before = Number((await call("/lost")).text);
    link.lose("to-host");
    const answer = post("/lost", "a lost request");
    await link.lost("a lost request");
    link.cut();
    expect(await answer).toMatchObject({ status: 200, text: `${before + 1} a lost request` });
  });

  it("a request of which half has come is not begun, and is sent again", async () => {
    await world.push("half", counting, { scale, limits });
    const { link, call, post, warm } = await viaLink();
    await warm("half");
    const before = Number((await call("/half")).text);
    link.lose("to-host", 60);
    const answer = post("/half", "half a request");
    await link.lost("half a request");
    link.cut();
    expect(await answer).toMatchObject({ status: 200, text: `${before + 1} half a request` });
  });

  it.each([0, 1, 20])("an answer of which %d bytes have come is sent again", async (afterBytes) => {
    const name = `answer-${afterBytes}`;
    await world.push(name, gated(`"a lost answer to ${name} " + calls`), { scale, limits });
    const { link, call, post, warm } = await viaLink();
    await warm(name);
    const answer = post(`/${name}`, "");
    await eventually(async () => expect(await world.ps(name)).toMatchObject([{ inFlight: 1 }]));
    link.lose("to-gateway", afterBytes);
    void world.call(`/${name}?open`);
    await link.lost(`lost answer to ${name}`);
    link.cut();
    expect(await answer).toMatchObject({ status: 200, text: `a lost answer to ${name} 1` });
    expect((await call(`/${name}?again`)).status).toBe(200);
  });

  it("a stream breaks off on both sides", async () => {
    await world.push("fn", watched, { scale, limits });
    const { link, base, warm } = await viaLink();
    await eventually(async () => expect((await fetch(`${base}/fn/seen`)).status).toBe(200));
    await warm("first");
    const { ended } = await begun(world, "/fn/events?n=cut", base);
    link.cut();
    expect(await ended).toBe("broken");
    await eventually(async () => expect((await seen(world)).aborted).toContain("cut"));
  });

  it("requests in full buffers are sent again, and run once", async () => {
    await world.push("full", onceEach, { scale, limits });
    const { link, post, warm } = await viaLink();
    await warm("full");
    link.stall("to-host");
    const body = "x".repeat(50_000);
    let answered = 0;
    const answers = Array.from({ length: 400 }, async (_, index) => {
      const answer = await post(`/full?${index}`, body);
      answered += 1;
      return answer;
    });
    // The gateway keeps some megabytes for a host that does not read. Later requests go over NATS.
    await eventually(() => expect(answered).toBeGreaterThan(50));
    link.cut();
    for (const [index, { status, text }] of (await Promise.all(answers)).entries())
      expect([status, text.trim()]).toEqual([200, `?${index} ran 1`]);
  });

  it("requests whose answers are in full buffers run once", async () => {
    await world.push("stuck", onceEach, { scale, limits });
    const { link, post, warm } = await viaLink();
    await warm("stuck");
    link.stall("to-gateway");
    const answers = Array.from({ length: 400 }, (_, index) => post(`/stuck?${index}`, "large"));
    let before = -1;
    await eventually(async () => {
      const ran = Number((await world.call("/stuck?count")).text);
      const isStill = ran === before;
      before = ran;
      expect(isStill && ran > 0).toBe(true);
    });
    link.cut();
    for (const [index, { status, text }] of (await Promise.all(answers)).entries())
      expect([`200 ?${index} ran 1`, "502 "]).toContain(`${status} ${status === 200 ? text.trim() : ""}`);
    expect((await world.call("/stuck?most")).text).toBe("1");
  });
});

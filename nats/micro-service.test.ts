import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../test/harness/eventually.ts";
import { startTestNats, type TestNats } from "../test/harness/nats.ts";
import { connectNats, type Nats } from "./connection.ts";
import { discoverServices, discoverStats } from "./discovery.ts";
import type { Message } from "./message.ts";
import { type MicroServiceOptions, registerMicroService } from "./micro-service.ts";
import { NoReplyError } from "./request.ts";

let server: TestNats;
let consumer: Nats;
let caller: Nats;

beforeAll(async () => {
  server = await startTestNats();
  consumer = await connectNats({ url: server.url, name: "consumer" });
  caller = await connectNats({ url: server.url, name: "caller" });
});
afterAll(async () => {
  await Promise.all([consumer.close(), caller.close()]);
  await server.close();
});

async function register(name: string, handle: MicroServiceOptions["endpoints"][number]["handle"]) {
  const service = registerMicroService(consumer, {
    name,
    version: "1.2.3",
    description: "a test",
    metadata: { colour: "blue" },
    endpoints: [{ name: "handler", subject: name, handle }],
  });
  await consumer.flush();
  return service;
}

const answer = (message: Message, done: (error?: string) => void) => {
  message.respond("ok");
  done();
};

async function ask(subject: string): Promise<unknown> {
  return JSON.parse((await caller.request(subject, "", { timeoutMs: 2_000 })).text());
}

test("answers PING and INFO as ADR-32 says, by all three subjects", async () => {
  const service = await register("shape", answer);
  const metadata = { colour: "blue", "narun.world": consumer.world.id };
  const identity = { name: "shape", id: service.id, version: "1.2.3", metadata };
  for (const subject of ["$SRV.PING", "$SRV.PING.shape", `$SRV.PING.shape.${service.id}`]) {
    expect(await ask(subject)).toEqual({ type: "io.nats.micro.v1.ping_response", ...identity });
  }
  expect(await ask("$SRV.INFO.shape")).toEqual({
    type: "io.nats.micro.v1.info_response",
    ...identity,
    description: "a test",
    endpoints: [{ name: "handler", subject: "shape", queue_group: "q", metadata: {} }],
  });
  service.close();
});

test("counts requests, asynchronous errors and the time until the answer", async () => {
  const working: ((error?: string) => void)[] = [];
  const service = await register("counted", (message, done) => {
    message.respond("ok");
    if (message.text() === "slow") working.push(done);
    else done(message.text() === "bad" ? "it went wrong" : undefined);
  });
  for (const data of ["good", "bad", "slow"]) await caller.request("counted", data, { timeoutMs: 2_000 });

  const stats = () => ask("$SRV.STATS.counted");
  expect(await stats()).toMatchObject({
    type: "io.nats.micro.v1.stats_response",
    name: "counted",
    id: service.id,
    version: "1.2.3",
    started: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    endpoints: [{ num_requests: 3, num_errors: 1, last_error: "it went wrong", queue_group: "q" }],
  });
  const processingTime = async () => {
    const [found] = await discoverStats(caller, { name: "counted" });
    return Number(found?.endpoints?.[0]?.processing_time);
  };
  const before = await processingTime();
  working[0]?.("too late");
  expect(await processingTime()).toBeGreaterThan(before);
  expect(await stats()).toMatchObject({
    endpoints: [{ num_requests: 3, num_errors: 2, last_error: "too late" }],
  });
  service.close();
});

test("counts requests that come another way with those over NATS", async () => {
  const service = await register("both-ways", answer);
  const counter = service.counterOf("handler");
  const [first, second] = [counter.begin(), counter.begin()];
  await caller.request("both-ways", "", { timeoutMs: 2_000 });
  first();
  second("it broke");
  expect(await ask("$SRV.STATS.both-ways")).toMatchObject({
    endpoints: [{ num_requests: 3, num_errors: 1, last_error: "it broke" }],
  });
  expect(() => service.counterOf("other")).toThrow(RangeError);
  service.close();
});

test("says how long a request took on average, over those that were answered", async () => {
  let open: (() => void) | undefined;
  const service = await register("average", (message, done) => {
    if (message.text() === "open") open = done;
    else answer(message, done);
  });
  await caller.request("average", "", { timeoutMs: 2_000 });
  caller.publish("average", "open");
  await eventually(() => expect(open).toBeDefined());
  const [found] = await discoverStats(caller, { name: "average" });
  const endpoint = found?.endpoints?.[0];
  expect(endpoint).toMatchObject({ num_requests: 2 });
  expect(endpoint?.average_processing_time).toBe(endpoint?.processing_time);
  service.close();
});

test("shares the requests among the instances of one service", async () => {
  const counts = [0, 0];
  const services = await Promise.all(
    counts.map((_, index) =>
      register("shared", (message, done) => {
        counts[index] = (counts[index] ?? 0) + 1;
        answer(message, done);
      }),
    ),
  );
  await Promise.all(Array.from({ length: 100 }, () => caller.request("shared", "", { timeoutMs: 2_000 })));
  expect((counts[0] ?? 0) + (counts[1] ?? 0)).toBe(100);
  expect(Math.min(...counts)).toBeGreaterThan(0);
  for (const service of services) service.close();
});

test("loses no request that is sent while it drains", async () => {
  const COUNT = 2_000;
  let handled = 0;
  const service = await register("drained", (message, done) => {
    handled += 1;
    answer(message, done);
  });
  const send = () =>
    caller.request("drained", "", { timeoutMs: 10_000 }).then(
      () => "answered",
      (error: unknown) => (error instanceof NoReplyError ? error.reason : "failed"),
    );
  const outcomes: Promise<string>[] = [];
  let draining: Promise<void> | undefined;
  for (let index = 0; index < COUNT; index++) {
    outcomes.push(send());
    // So that requests are on their way in every state.
    if (index % 100 === 0) await caller.flush();
    if (index === COUNT / 2) draining = service.drain();
  }
  await draining;
  const handledWhenDrained = handled;
  const counted = Map.groupBy(await Promise.all(outcomes), (outcome) => outcome);
  expect([...counted.keys()].sort()).toEqual(["answered", "no-responders"]);
  expect(counted.get("answered")).toHaveLength(handled);
  expect(handled).toBe(handledWhenDrained);
  service.close();
});

test("can still be seen while it drains, and not after it was closed", async () => {
  const service = await register("leaving", answer);
  await service.drain();
  expect(await discoverServices(caller, { name: "leaving" })).toHaveLength(1);
  service.close();
  await consumer.flush();
  expect(await discoverServices(caller, { name: "leaving" })).toEqual([]);
});

test("answers again, by itself, after nats-server was killed", async () => {
  const service = await register("lasting", answer);
  await caller.request("lasting", "", { timeoutMs: 2_000 });
  await server.kill9();
  await eventually(() => caller.request("lasting", "", { timeoutMs: 500 }));
  expect(await ask("$SRV.STATS.lasting")).toMatchObject({ id: service.id });
  service.close();
});

import { afterAll, describe, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { gated, openGateUntil } from "./harness/gated.ts";
import { startTraffic } from "./harness/traffic.ts";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

/** Retries a push: the server may die during it, or the connection may not be back. No other code repeats its requests. */
const pushAfterKill = <T>(push: () => Promise<T>): Promise<T> => eventually(push, { timeoutMs: 20_000 });

describe("a nats-server that is killed", () => {
  it("in the middle of requests: they are answered after its restart, by the same instance", async () => {
    await world.push("fn", gated(`"answered"`), { scale: { idleSeconds: 300 } });
    await world.call("/fn?warm");
    const before = await world.listed("fn");
    const requests = Array.from({ length: 10 }, () => world.call("/fn"));
    await eventually(async () => expect(await world.ps("fn")).toMatchObject([{ inFlight: 10 }]));
    await world.nats.kill9();
    const during = world.call("/fn");
    for (const { status, text } of await openGateUntil(world, "fn", Promise.all([...requests, during]))) {
      expect([status, text]).toEqual([200, "answered"]);
    }
    await eventually(async () =>
      expect(await world.ps("fn")).toMatchObject([{ instance: before.instance, inFlight: 0 }]),
    );
  });

  it("under requests that may not run twice: they run once, and their answers come after the restart", async () => {
    await world.push("writes", gated("String(calls)"), { scale: { idleSeconds: 300 } });
    await world.call("/writes?warm");
    const requests = Promise.all(Array.from({ length: 3 }, () => world.call("/writes", { method: "POST" })));
    await eventually(async () => expect(await world.ps("writes")).toMatchObject([{ inFlight: 3 }]));
    await world.nats.kill9();
    for (const { status, text } of await openGateUntil(world, "writes", requests)) {
      expect([status, text]).toEqual([200, "3"]);
    }
  });

  it("under load, twice: what may run twice is answered", async () => {
    await pushAfterKill(() => world.push("busy", `export default () => new Response("ok");`));
    const traffic = startTraffic(() => world.call("/busy"));
    for (let round = 0; round < 2; round++) {
      await traffic.more(200);
      await world.nats.kill9();
    }
    await traffic.more(200);
    const answers = await traffic.stop();
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`))).toEqual(new Set(["200 ok"]));
  });

  it("afterwards everything works: push, call, log, sleep, wake", async () => {
    const config = { scale: { idleSeconds: 0.3 } };
    const source = (word: string, answer: string) =>
      `export default () => { console.log("${word}"); return new Response("${answer}"); };`;
    await pushAfterKill(() => world.push("after", source("called", "v1"), config));
    await world.nats.kill9();
    expect(await world.call("/after")).toMatchObject({ status: 200, text: "v1" });
    const pushed = await pushAfterKill(() => world.push("after", source("again", "v2"), config));
    expect(pushed).toMatchObject({ tried: true });
    await eventually(async () =>
      expect(await world.call("/after")).toMatchObject({ status: 200, text: "v2" }),
    );
    await eventually(async () => {
      const messages = (await world.logs("after")).map(({ message }) => message);
      expect(messages).toEqual(expect.arrayContaining(["called", "again"]));
    });
    await eventually(async () => expect(await world.ps("after")).toEqual([]));
    expect(await world.call("/after")).toMatchObject({ status: 200, text: "v2" });
  });
});

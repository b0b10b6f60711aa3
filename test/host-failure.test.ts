import { afterAll, describe, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { gated, openGateUntil } from "./harness/gated.ts";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const slow = gated(`request.method + " " + (await request.text())`);

/** Kills the host once the instance has taken `count` requests. */
async function killHostOf(name: string, count: number): Promise<void> {
  await eventually(async () => expect(await world.ps(name)).toMatchObject([{ inFlight: count }]));
  process.kill(await world.hostPid(name), "SIGKILL");
}

describe("a host that is killed in the middle of requests", () => {
  it("loses none that may run twice", async () => {
    await world.push("reads", slow);
    expect(await world.call("/reads?warm")).toMatchObject({ status: 200 });
    const pid = await world.hostPid("reads");
    const requests = Promise.all(Array.from({ length: 10 }, () => world.call("/reads")));
    await killHostOf("reads", 10);
    for (const { status, text } of await openGateUntil(world, "reads", requests)) {
      expect([status, text]).toEqual([200, "GET "]);
    }
    expect(await world.announced("reads", "gone")).toMatchObject({ reason: "crashed", code: "HOST_CRASHED" });
    expect(await world.hostPid("reads")).not.toBe(pid);
    await eventually(async () => expect(await world.ps("reads")).toMatchObject([{ inFlight: 0 }]));
    const crashed = expect.objectContaining({ status: "crashed", error: "HOST_CRASHED" });
    await eventually(() => expect(world.statuses("reads")).toContainEqual(crashed));
  });

  it("costs those that may not run twice: 502, except with an Idempotency-Key", async () => {
    await world.push("writes", slow);
    await world.call("/writes?warm");
    const post = (headers: Record<string, string>) =>
      world.call("/writes", { method: "POST", body: "once", headers });
    const requests = Promise.all([post({}), post({ "Idempotency-Key": "1" })]);
    await killHostOf("writes", 2);
    const [plain, keyed] = await openGateUntil(world, "writes", requests);
    expect(plain).toMatchObject({ status: 502, code: "CONSUMER_DIED" });
    expect(keyed).toMatchObject({ status: 200, text: "POST once" });
    expect(await post({})).toMatchObject({ status: 200, text: "POST once" });
  });

  it("takes nobody of another trust group along", async () => {
    await world.push("mine", slow);
    await world.push("theirs", slow, { trust: "theirs" });
    await Promise.all([world.call("/mine?warm"), world.call("/theirs?warm")]);
    expect(await world.hostPid("theirs")).not.toBe(await world.hostPid("mine"));
    const theirs = await world.listed("theirs");
    const request = world.call("/theirs", { method: "POST", body: "safe" });
    await eventually(async () => expect(await world.ps("theirs")).toMatchObject([{ inFlight: 1 }]));
    process.kill(await world.hostPid("mine"), "SIGKILL");
    await world.announced("mine", "gone");
    expect(await openGateUntil(world, "theirs", request)).toMatchObject({ status: 200, text: "POST safe" });
    expect(await world.ps("theirs")).toMatchObject([{ instance: theirs.instance }]);
  });

  it("under the start of another function: that one is started again", async () => {
    await world.push("any", slow);
    await world.call("/any?warm");
    const late = `await new Promise((resolve) => setTimeout(resolve, 300)); export default () => new Response("late");`;
    await world.push("late", late);
    const request = world.call("/late");
    await world.announced("late", "starting");
    process.kill(await world.hostPid("any"), "SIGKILL");
    expect(await request).toMatchObject({ status: 200, text: "late" });
    expect(await world.announced("late", "gone")).toMatchObject({ reason: "crashed", code: "HOST_CRASHED" });
  });

  it("again and again: the node goes on", async () => {
    await world.push("often", slow);
    for (let round = 1; round <= 2; round++) {
      expect(await world.call("/often?warm")).toMatchObject({ status: 200 });
      process.kill(await world.hostPid("often"), "SIGKILL");
      await world.announced("often", "gone", round);
    }
    expect(await world.call("/often?warm")).toMatchObject({ status: 200 });
    expect(await world.ps("often")).toHaveLength(1);
  });
});

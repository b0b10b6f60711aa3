import { afterAll, describe, expect, it } from "vitest";
import { rollback } from "../control/index.ts";
import { eventually } from "./harness/eventually.ts";
import { startTraffic } from "./harness/traffic.ts";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

/** Answers with its version after a moment, so that an update meets open requests. */
const versionSource = (version: string) => `
  export default async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return new Response(${JSON.stringify(version)});
  };
`;

describe("an update", () => {
  it("loses no request, and after it only the new revision answers; so does a rollback", async () => {
    await world.push("live", versionSource("v1"));
    const traffic = startTraffic(() => world.call("/live"));
    await traffic.more(100);
    await world.push("live", versionSource("v2"));
    await world.announced("live", "ready", 2);
    await traffic.more(100);
    await world.announced("live", "gone");
    const updatedAt = traffic.answers.length;
    await traffic.more(100);
    await rollback(world.connection, "live");
    await world.announced("live", "gone", 2);
    const rolledBackAt = traffic.answers.length;
    await traffic.more(100);

    const answers = (await traffic.stop()).map(({ status, text }) => `${status} ${text}`);
    expect(new Set(answers)).toEqual(new Set(["200 v1", "200 v2"]));
    // When an instance ends, one of its answers may still be on the way to each client.
    expect(new Set(answers.slice(rolledBackAt + 8))).toEqual(new Set(["200 v1"]));
    expect(answers[updatedAt + 8]).toBe("200 v2");
    expect(world.announcements("live").filter(({ state }) => state === "gone")).toMatchObject([
      { reason: "replaced" },
      { reason: "replaced" },
    ]);
    await eventually(async () => expect(await world.ps("live")).toHaveLength(1));
  });

  it("is in force when the push is done, though the new revision takes its time to start", async () => {
    const slow = "await new Promise((resolve) => setTimeout(resolve, 500));";
    await world.push("slow-start", versionSource("v1"));
    expect(await world.call("/slow-start")).toMatchObject({ text: "v1" });
    const pushed = await world.push("slow-start", slow + versionSource("v2"));
    expect(await world.call("/slow-start")).toMatchObject({ text: "v2" });
    expect(pushed.answering).toBe(true);
    expect(await rollback(world.connection, "slow-start")).toMatchObject({ answering: true });
    expect(await world.call("/slow-start")).toMatchObject({ text: "v1" });
  });

  it("of a function that sleeps is in force at the next request", async () => {
    await world.push("sleeper", versionSource("v1"), { scale: { idleSeconds: 0.1 } });
    expect(await world.call("/sleeper")).toMatchObject({ text: "v1" });
    await world.announced("sleeper", "gone");
    await world.push("sleeper", versionSource("v2"), { scale: { idleSeconds: 0.1 } });
    expect(await world.call("/sleeper")).toMatchObject({ text: "v2" });
  });
});

describe("scale.min", () => {
  it("keeps that many instances while nobody calls, from the push on", async () => {
    await world.push("kept", versionSource("v1"), { scale: { min: 1, idleSeconds: 0.1 } });
    const { instance } = await world.announced("kept", "ready");
    const warm = await world.call("/kept");
    expect(warm.headers.get("server-timing")).toBeNull();
    // Meanwhile another function falls asleep.
    await world.push("passer-by", versionSource("v1"), { scale: { idleSeconds: 0.5 } });
    await world.call("/passer-by");
    await world.announced("passer-by", "gone");
    expect(await world.ps("kept")).toMatchObject([{ instance, state: "ready" }]);
    // The function's new configuration lets it sleep.
    await world.push("kept", versionSource("v1"), { scale: { min: 0, idleSeconds: 0.1 } });
    await eventually(async () => expect(await world.ps("kept")).toEqual([]));
  });
});

describe("scale.concurrency", () => {
  it("is the most that an instance is given at a time; the rest waits and is answered", async () => {
    const source = `
      let inFlight = 0;
      let most = 0;
      export default async () => {
        inFlight += 1;
        most = Math.max(most, inFlight);
        await new Promise((resolve) => setTimeout(resolve, 5));
        inFlight -= 1;
        return new Response(String(most));
      };
    `;
    await world.push("single", source, { scale: { concurrency: 1 } });
    const answers = await Promise.all(Array.from({ length: 30 }, () => world.call("/single")));
    for (const { status, text } of answers) expect([status, text]).toEqual([200, "1"]);
  });
});

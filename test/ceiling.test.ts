import { afterAll, describe, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { startWorld } from "./harness/world.ts";

const world = await startWorld({
  nodeArguments: ["--ceiling", "cpuMs=150", "--ceiling", "memoryMb=32", "--ceiling", "timers=3"],
});
afterAll(() => world[Symbol.asyncDispose]());

const loggedLine = (name: string, pattern: RegExp) =>
  eventually(async () => {
    const messages = (await world.logs(name)).map(({ message }) => message);
    expect(messages).toContainEqual(expect.stringMatching(pattern));
  });

describe("the ceiling of a node", () => {
  it("wins over the limits of a function, whose log says so", async () => {
    const limits = { cpuMs: 60_000, memoryMb: 512, timeoutMs: 10_000 };
    await world.push("greedy", `export default () => { for (;;); };`, { limits });
    expect(await world.call("/greedy")).toMatchObject({
      status: 504,
      code: "CPU_LIMIT",
      detail: expect.stringMatching(/^Function greedy, limits\.cpuMs 150 ms\. /),
    });
    await loggedLine(
      "greedy",
      /^the node allows no more: limits\.memoryMb is 32, not 512; limits\.cpuMs is 150/,
    );
    await loggedLine("greedy", /^CPU_LIMIT: .*limits\.cpuMs is 150 ms/);
  });

  it("raises nothing", async () => {
    const source = `export default () => { try { for (;;) setTimeout(() => {}, 1e6); } catch (error) { return new Response(error.code + " " + error.message); } };`;
    await world.push("modest", source, { limits: { cpuMs: 100, timers: 2, memoryMb: 16 } });
    expect(await world.call("/modest")).toMatchObject({
      status: 200,
      text: "TIMER_LIMIT TIMER_LIMIT: 2 timers are open, and limits.timers is 2",
    });
  });

  it("also holds where a revision is tried before it goes live", async () => {
    const push = world.push(
      "heavy",
      `const kept = new Uint8Array(64 << 20).fill(1); export default () => new Response(String(kept.length));`,
      { limits: { memoryMb: 512, cpuMs: 150 } },
    );
    await expect(push).rejects.toMatchObject({ code: "TRIAL_FAILED" });
  });
});

describe("limits.startMs", () => {
  it("ends a start whose top level does not", async () => {
    const source = `await new Promise(() => {}); export default () => new Response("never");`;
    const push = world.push("starts", source, { limits: { startMs: 200 } });
    await expect(push).rejects.toMatchObject({
      code: "TRIAL_FAILED",
      fields: { detail: expect.stringContaining("limits.startMs is 200 ms") },
    });
  });
});

import { afterAll, describe, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { startTraffic } from "./harness/traffic.ts";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());
// Of the same trust group, so in the same process as everything that fails here.
await world.push("neighbour", `export default () => new Response("well");`);

const loops = [
  { name: "loops", body: `for (;;);` },
  { name: "loops-after-await", body: `await null; for (;;);` },
  {
    name: "loops-in-microtasks",
    body: `const again = () => queueMicrotask(again); again(); await new Promise(() => {});`,
  },
  { name: "loops-in-promises", body: `for (;;) await null;` },
  { name: "loops-in-a-timer", body: `setTimeout(() => { for (;;); }, 1); await new Promise(() => {});` },
];

const allocations = [
  // V8 compiles this loop so well that it once took gigabytes, and could not be ended.
  { name: "fills-arrays", body: `const kept = []; for (;;) kept.push(new Array(1000).fill(kept.length));` },
  { name: "fills-objects", body: `const kept = []; for (;;) kept.push({ at: kept.length });` },
  { name: "fills-strings", body: `const kept = []; for (;;) kept.push("x".repeat(1000) + kept.length);` },
  { name: "fills-a-map", body: `const kept = new Map(); for (let at = 0; ; at++) kept.set(at, at);` },
];

/** A function that does something bad when it is asked to, and answers otherwise. */
const sourceOf = (body: string) => `
  export default async (request: Request) => {
    if (new URL(request.url).search === "?bad") { ${body} }
    return new Response("good");
  };
`;

/** Calls what is bad while others call the neighbour; all of those must be answered. */
async function callBadly(name: string) {
  const traffic = startTraffic(() => world.call("/neighbour"), { clients: 2 });
  const answer = await world.call(`/${name}?bad`);
  for (const { status, text } of await traffic.stop()) expect([status, text]).toEqual([200, "well"]);
  return answer;
}

const loggedLine = (name: string, pattern: RegExp) =>
  eventually(async () => {
    const messages = (await world.logs(name)).map(({ message }) => message);
    expect(messages).toContainEqual(expect.stringMatching(pattern));
  });

describe("a handler that loops for ever", () => {
  it.each(loops)("$name: 504 CPU_LIMIT; the next request is answered", async ({ name, body }) => {
    await world.push(name, sourceOf(body), { limits: { cpuMs: 200, timeoutMs: 5_000 } });
    expect(await callBadly(name)).toMatchObject({ status: 504, code: "CPU_LIMIT" });
    await loggedLine(name, /^CPU_LIMIT: .*200 ms/);
    if (name === "loops") await loggedLine(name, /^CPU_LIMIT: .*\n\s+at .*index\.ts:3:/);
    expect(await world.call(`/${name}`)).toMatchObject({ status: 200, text: "good" });
  });
});

describe("a handler that allocates without end", () => {
  it.each(allocations)("$name: 502 MEMORY_LIMIT; the next request is answered", async ({ name, body }) => {
    await world.push(name, sourceOf(body), { limits: { cpuMs: 10_000, memoryMb: 32 } });
    const answer = await callBadly(name);
    expect([answer.status, answer.code]).toEqual([502, "MEMORY_LIMIT"]);
    await loggedLine(name, /^MEMORY_LIMIT: .*32 MB/);
    expect(await world.call(`/${name}`)).toMatchObject({ status: 200, text: "good" });
  });

  it("in buffers: the allocation throws, as it would anywhere", async () => {
    const body = `const kept = []; for (;;) kept.push(new Uint8Array(1 << 20).fill(1));`;
    await world.push("fills-buffers", sourceOf(body), { limits: { cpuMs: 10_000, memoryMb: 32 } });
    expect(await callBadly("fills-buffers")).toMatchObject({ status: 500, code: "HANDLER_THREW" });
    await loggedLine("fills-buffers", /^RangeError: Array buffer allocation failed\n[\s\S]*index\.ts:3:/);
    expect(await world.call("/fills-buffers")).toMatchObject({ status: 200, text: "good" });
  });
});

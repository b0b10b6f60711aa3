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
  { name: "fills-buffers", body: `const kept = []; for (;;) kept.push(new Uint8Array(1 << 20).fill(1));` },
  {
    name: "fills-shared-buffers",
    body: `const kept = []; for (;;) { const one = new SharedArrayBuffer(0, { maxByteLength: 1 << 22 }); one.grow(1 << 22); kept.push(one); }`,
  },
  {
    name: "fills-wasm-memories",
    body: `const kept = []; for (;;) { kept.push(new WebAssembly.Memory({ initial: 16 })); new Uint8Array(kept.at(-1).buffer).fill(1); }`,
  },
  {
    name: "grows-a-wasm-memory",
    body: `const memory = new WebAssembly.Memory({ initial: 1 }); for (;;) { memory.grow(16); new Uint8Array(memory.buffer).fill(1); }`,
  },
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

  it("in a buffer: the log says where, and a handler that catches the error goes on", async () => {
    const grab = `const kept = []; for (;;) kept.push(new Uint8Array(1 << 20).fill(1));`;
    const limits = { cpuMs: 10_000, memoryMb: 32 };
    await world.push("grabs", sourceOf(grab), { limits });
    expect(await callBadly("grabs")).toMatchObject({ status: 502, code: "MEMORY_LIMIT" });
    await loggedLine("grabs", /^MEMORY_LIMIT: [\s\S]*Array buffer allocation failed\n[\s\S]*index\.ts:3:/);
    await world.push("catches", sourceOf(`try { ${grab} } catch {}`), { limits });
    expect(await callBadly("catches")).toMatchObject({ status: 200, text: "good" });
  });
});

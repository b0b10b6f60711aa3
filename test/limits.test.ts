import { afterAll, describe, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { startTraffic } from "./harness/traffic.ts";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());
// The neighbour has the same trust group, so it runs in the same process as the failing functions.
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
  { name: "loops-in-a-getter", body: `return new Response("x", { get status() { for (;;); } });` },
  { name: "loops-in-to-json", body: `return Response.json({ toJSON() { for (;;); } });` },
  // Each timer may take the time that the request still had when the timer was due.
  {
    name: "loops-in-many-timers-at-once",
    body: `for (let at = 0; at < 50; at++) setTimeout(() => burn(150), 1); await new Promise(() => {});`,
  },
  {
    name: "loops-in-many-results-at-once",
    body: `for (let at = 0; at < 500; at++) crypto.subtle.digest("SHA-256", new Uint8Array(1)).then(() => burn(150)); await new Promise(() => {});`,
  },
];

/** Takes CPU time. */
const BURN = `const burn = (ms: number) => { const since = Date.now(); while (Date.now() - since < ms); };`;

const allocations = [
  // V8 optimises this loop so far that it once took gigabytes, and could not be ended.
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

/** A function that fails on the query `?bad`, and answers otherwise. */
const sourceOf = (body: string) => `
  ${BURN}
  export default async (request: Request) => {
    if (new URL(request.url).search === "?bad") { ${body} }
    return new Response("good");
  };
`;

/** Calls the bad function while others call the neighbour. All calls to the neighbour must be answered. */
async function callBadly(name: string) {
  const traffic = startTraffic(() => world.call("/neighbour"), { clients: 2 });
  const answer = await world.call(`/${name}?bad`);
  for (const { status, text } of await traffic.stop()) expect([status, text]).toEqual([200, "well"]);
  return answer;
}

/** V8 gives the place of a loop after it has ended it, which takes longer on a busy machine. */
const loggedLine = (name: string, pattern: RegExp) =>
  eventually(
    async () => {
      const messages = (await world.logs(name)).map(({ message }) => message);
      expect(messages).toContainEqual(expect.stringMatching(pattern));
    },
    { timeoutMs: 30_000 },
  );

describe("a handler that loops for ever", () => {
  it.each(loops)("$name: 504 CPU_LIMIT; the next request is answered", async ({ name, body }) => {
    await world.push(name, sourceOf(body), { limits: { cpuMs: 200, timeoutMs: 5_000 } });
    expect(await callBadly(name)).toMatchObject({ status: 504, code: "CPU_LIMIT" });
    await loggedLine(name, /^CPU_LIMIT: .*200 ms/);
    expect(await world.call(`/${name}`)).toMatchObject({ status: 200, text: "good" });
  });

  it("is told where", { timeout: 60_000 }, async () => {
    await world.push("loops-somewhere", sourceOf(`for (;;);`), { limits: { cpuMs: 200 } });
    expect(await callBadly("loops-somewhere")).toMatchObject({ status: 504, code: "CPU_LIMIT" });
    // V8 gives the place after it has ended the loop, which takes longer on a busy machine.
    await eventually(
      async () => {
        const messages = (await world.logs("loops-somewhere")).map(({ message }) => message);
        expect(messages).toContainEqual(expect.stringMatching(/^CPU_LIMIT: .*\n\s+at .*index\.ts:4:/));
      },
      { timeoutMs: 30_000 },
    );
  });
});

describe("what a request had begun that has used up its time", () => {
  const limits = { cpuMs: 200, timers: 100 };
  const later = `
    ${BURN}
    let ticks = 0;
    const tick = () => { ticks += 1; burn(2); };
    export default async (request: Request, env: unknown, ctx: { waitUntil(work: Promise<unknown>): void }) => {
      const { search } = new URL(request.url);
      if (search === "?bad") {
        for (let at = 0; at < 100; at++) setInterval(tick, 0);
        await new Promise(() => {});
      }
      if (search === "?background") ctx.waitUntil(new Promise(() => void setInterval(tick, 0)));
      if (search !== "?after") return new Response("good");
      const before = ticks;
      // The maximum number of intervals. All of them would run before the last of these timers.
      await Promise.all(Array.from({ length: 100 }, () => new Promise((done) => setTimeout(done, 50))));
      return Response.json([before > 0, ticks - before]);
    };
  `;

  /** On a busy machine one stretch may itself take too long and end the instance. Then it is tried again. */
  const expectNothingMore = async (name: string) => {
    const answer = await world.call(`/${name}?after`);
    expect([answer.status, answer.text]).toEqual([200, "[true,0]"]);
  };

  it("is dropped, in the same instance: its timers, which count no more towards limits.timers", async () => {
    await world.push("goes-on", later, { limits });
    await eventually(async () => {
      expect(await callBadly("goes-on")).toMatchObject({ status: 504, code: "CPU_LIMIT" });
      await expectNothingMore("goes-on");
    });
    await loggedLine("goes-on", /^CPU_LIMIT: its stretches .*limits\.cpuMs is 200 ms/);
  });

  it("is dropped where it goes on in the background, and the log says so", async () => {
    await world.push("goes-on-behind", later, { limits });
    await eventually(async () => {
      expect(await world.call("/goes-on-behind?background")).toMatchObject({ status: 200, text: "good" });
      await loggedLine("goes-on-behind", /^CPU_LIMIT: its stretches .*limits\.cpuMs is 200 ms/);
      await expectNothingMore("goes-on-behind");
    });
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

  it("under other requests: all of them fail, and the log says it once for each instance", async () => {
    const fill = `const kept = []; for (;;) kept.push({ at: kept.length });`;
    await world.push("shared", sourceOf(fill), { limits: { cpuMs: 10_000, memoryMb: 32 } });
    expect(await world.call("/shared")).toMatchObject({ status: 200 });
    const answers = await Promise.all(Array.from({ length: 5 }, () => world.call("/shared?bad")));
    for (const { status, code } of answers) expect([status, code]).toEqual([502, "MEMORY_LIMIT"]);
    // The log arrives after the events of the instances.
    await loggedLine("shared", /^MEMORY_LIMIT: it used more than 32 MB/);
    await world.push(
      "shared",
      `export default () => { console.log("at last"); return new Response("good"); };`,
    );
    await eventually(async () => expect(await world.call("/shared")).toMatchObject({ text: "good" }));
    await loggedLine("shared", /^at last$/);
    const told = (await world.logs("shared")).filter(({ message }) => message.startsWith("MEMORY_LIMIT"));
    const instances = new Set(told.map(({ instance_id }) => instance_id));
    expect(told).toHaveLength(instances.size);
  });

  it("in a buffer: the log says where, and a handler that catches the error goes on", async () => {
    const grab = `const kept = []; for (;;) kept.push(new Uint8Array(1 << 20).fill(1));`;
    const limits = { cpuMs: 10_000, memoryMb: 32 };
    await world.push("grabs", sourceOf(grab), { limits });
    expect(await callBadly("grabs")).toMatchObject({ status: 502, code: "MEMORY_LIMIT" });
    await loggedLine("grabs", /^MEMORY_LIMIT: [\s\S]*Array buffer allocation failed\n[\s\S]*index\.ts:4:/);
    await world.push("catches", sourceOf(`try { ${grab} } catch {}`), { limits });
    expect(await callBadly("catches")).toMatchObject({ status: 200, text: "good" });
  });
});

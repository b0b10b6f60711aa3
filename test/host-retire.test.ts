/** V8 loses control of an isolate: the guilty function pays for it, and its neighbours do not. */
import { describe, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { startHeldServer } from "./harness/held-server.ts";
import { startTraffic } from "./harness/traffic.ts";
import { startWorld } from "./harness/world.ts";

/** V8 does not check for termination during this call. */
const STUCK = "new Array(4_294_967_295).reverse();";
/** The same, and it takes hundreds of megabytes meanwhile. */
const BOMB = "Array.from({ length: 1e9 });";

const badOf = (body: string) => `
  export default async (request: Request) => {
    if (new URL(request.url).search === "?bad") { ${body} }
    return new Response("good");
  };
`;

const goodSource = `export default () => new Response("well");`;

const limits = { cpuMs: 200, memoryMb: 32, timeoutMs: 20_000 };

describe.each([
  ["in a function of V8 that cannot be interrupted", STUCK],
  ["while it takes hundreds of megabytes", BOMB],
])("a function that V8 cannot end, %s", (_what, body) => {
  it("costs nobody else a request, and gets a host of its own", { timeout: 90_000 }, async () => {
    await using held = await startHeldServer();
    await using world = await startWorld();
    await Promise.all([
      world.push("guilty", badOf(body), { limits }),
      world.push("neighbour", held.source, held.config),
    ]);
    await Promise.all([world.call("/guilty"), world.call("/neighbour?now")]);
    const shared = await world.hostPid("neighbour");
    expect(await world.hostPid("guilty")).toBe(shared);

    // This request is open when the host begins to retire. It may not run twice, so it cannot be sent again.
    const slow = world.call("/neighbour", { method: "POST" });
    await eventually(() => expect(held.waiting).toHaveLength(1));
    const traffic = startTraffic(() => world.call("/neighbour?now"), { clients: 2 });
    expect(await world.call("/guilty?bad")).toMatchObject({ status: 504, code: "CPU_LIMIT" });
    // V8 has not given up yet: until then the host takes new requests.
    expect(await world.call("/neighbour?now")).toMatchObject({ status: 200 });
    expect(await world.hostPid("neighbour")).toBe(shared);

    await eventually(async () => expect(await world.hostPid("neighbour")).not.toBe(shared), {
      timeoutMs: 20_000,
    });
    held.open();
    expect(await slow).toMatchObject({ status: 200, text: "POST" });
    expect(await world.call("/guilty")).toMatchObject({ status: 200, text: "good" });
    await traffic.more(10);
    for (const { status, text } of await traffic.stop()) expect([status, text]).toEqual([200, "at once"]);
    const alone = await world.hostPid("guilty");
    const neighbours = await world.hostPid("neighbour");
    expect(alone).not.toBe(neighbours);
    await eventually(async () => {
      const messages = (await world.logs("guilty")).map(({ message }) => message);
      expect(messages).toContainEqual(expect.stringMatching(/^CPU_LIMIT: .*limits\.cpuMs is 200 ms/));
      expect(messages).toContainEqual(expect.stringMatching(/^HOST_CRASHED: .*a host of its own/));
    });
    // The process with the lost isolate has ended.
    await eventually(() => expect(isAlive(shared)).toBe(false), { timeoutMs: 20_000 });

    expect(await world.call("/guilty?bad")).toMatchObject({ status: 504, code: "CPU_LIMIT" });
    await eventually(() => expect(isAlive(alone)).toBe(false), { timeoutMs: 20_000 });
    expect(await world.call("/guilty")).toMatchObject({ status: 200, text: "good" });
    expect(await world.hostPid("neighbour")).toBe(neighbours);
  });
});

/** A module that grows its own memory by 8 MiB at a time and writes to it. V8 does not check for termination meanwhile. */
const GROWING = `new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,5,3,1,0,1,7,5,1,1,102,0,0,10,27,1,25,0,3,64,65,128,1,64,0,26,65,0,65,1,63,0,65,16,116,252,11,0,12,0,11,11]))).exports.f();`;

describe("a WebAssembly module that takes more and more memory", () => {
  it("is ended with its host, long before its time is up", { timeout: 60_000 }, async () => {
    await using world = await startWorld();
    const long = { cpuMs: 600_000, memoryMb: 32, timeoutMs: 60_000 };
    await Promise.all([
      world.push("guilty", badOf(GROWING), { limits: long }),
      world.push("neighbour", goodSource),
    ]);
    await Promise.all([world.call("/guilty"), world.call("/neighbour")]);
    const shared = await world.hostPid("neighbour");
    const traffic = startTraffic(() => world.call("/neighbour"), { clients: 2 });
    expect(await world.call("/guilty?bad")).toMatchObject({ status: 502, code: "MEMORY_LIMIT" });
    await eventually(() => expect(isAlive(shared)).toBe(false), { timeoutMs: 20_000 });
    expect(await world.call("/guilty")).toMatchObject({ status: 200, text: "good" });
    await traffic.more(4);
    for (const { status, text } of await traffic.stop()) expect([status, text]).toEqual([200, "well"]);
    expect(await world.hostPid("guilty")).not.toBe(await world.hostPid("neighbour"));
  });
});

describe("a revision whose top level V8 cannot end", () => {
  it("does not go live, and costs nobody else a request", { timeout: 60_000 }, async () => {
    await using world = await startWorld();
    await world.push("neighbour", goodSource);
    const traffic = startTraffic(() => world.call("/neighbour"), { clients: 2 });
    const push = world.push("stuck", `${STUCK} export default () => new Response("never");`, { limits });
    await expect(push).rejects.toMatchObject({ code: "TRIAL_FAILED" });
    await traffic.more(2);
    for (const { status, text } of await traffic.stop()) expect([status, text]).toEqual([200, "well"]);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

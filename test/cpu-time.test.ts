/** `limits.cpuMs` limits CPU time: other work of the machine does not count, and the host's work for a function does. */
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWorld, type World } from "./harness/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const WORK = `
  const work = (rounds: number) => {
    let sum = 0;
    for (let at = 0; at < rounds; at++) sum += Math.sqrt(at % 1000);
    return sum;
  };
`;
const work = (rounds: number) => {
  let sum = 0;
  for (let at = 0; at < rounds; at++) sum += Math.sqrt(at % 1000);
  return sum;
};

/** The number of rounds of work that take this CPU time. */
function roundsFor(ms: number): number {
  const rounds = 1e7;
  work(rounds);
  const before = process.threadCpuUsage();
  work(rounds);
  const { user, system } = process.threadCpuUsage(before);
  return Math.round((rounds * ms) / ((user + system) / 1_000));
}

/** How many busy processes share each core with the function. */
const HOGS_PER_CORE = 4;

/** The program of a busy process. It ends by itself, also after the test was killed. */
const HOG = "const endsAt = Date.now() + 30_000; while (Date.now() < endsAt);";

/** Keeps the machine busy. Each process has a session of its own: a system may share its time by session. */
function startHogs(): Disposable {
  const hogs = Array.from({ length: HOGS_PER_CORE * availableParallelism() }, () =>
    spawn(process.execPath, ["-e", HOG], { stdio: "ignore", detached: true }),
  );
  return {
    [Symbol.dispose]: () => {
      for (const hog of hogs) hog.kill("SIGKILL");
    },
  };
}

it("what the host compresses for a request counts", { timeout: 60_000 }, async () => {
  const source = `
    const part = crypto.getRandomValues(new Uint8Array(65_536));
    export default async ({ url }: Request) => {
      if (!url.endsWith("?bad")) return new Response("good");
      const endless = new ReadableStream({ pull: (controller) => controller.enqueue(part) });
      for await (const _ of endless.pipeThrough(new CompressionStream("gzip")));
    };
  `;
  await world.push("compresses", source, { limits: { cpuMs: 500, timeoutMs: 60_000 } });
  expect(await world.call("/compresses")).toMatchObject({ status: 200 });
  const { status, text } = await world.call("/compresses?bad");
  expect([status, JSON.parse(text).code]).toEqual([504, "CPU_LIMIT"]);
});

describe("on a busy machine", () => {
  it("a function is answered that takes less CPU time than it may", { timeout: 120_000 }, async () => {
    const source = `${WORK} export default () => new Response(String(work(${roundsFor(60)}) > 0));`;
    await world.push("honest", source, { limits: { cpuMs: 200, timeoutMs: 60_000 } });
    expect(await world.call("/honest")).toMatchObject({ status: 200, text: "true" });
    using _hogs = startHogs();
    for (let round = 0; round < 3; round++)
      expect(await world.call("/honest")).toMatchObject({ status: 200, text: "true" });
  });

  it("an endless loop is ended all the same", { timeout: 120_000 }, async () => {
    const source = `export default ({ url }: Request) => { if (url.endsWith("?bad")) for (;;); return new Response("good"); };`;
    await world.push("endless", source, { limits: { cpuMs: 100, timeoutMs: 60_000 } });
    expect(await world.call("/endless")).toMatchObject({ status: 200 });
    using _hogs = startHogs();
    const { status, text } = await world.call("/endless?bad");
    const { code } = JSON.parse(text);
    expect([
      [504, "CPU_LIMIT"],
      [503, "MACHINE_BUSY"],
    ]).toContainEqual([status, code]);
    expect(await world.call("/endless")).toMatchObject({ status: 200, text: "good" });
  });
});

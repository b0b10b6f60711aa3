/** Host processes die without a reason: some functions move, and later return. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { startWorld, type World } from "./harness/world.ts";

/** All functions are called at once: none falls asleep, and each is restarted at once. */
const NAMES = ["a", "b", "c", "d", "e", "f"];
const source = `export default () => new Response("well");`;
/** Each death is followed by the start of a process, which takes its time on a busy machine. */
const WAIT = { timeoutMs: 60_000 };

async function startFunctions(): Promise<World> {
  const world = await startWorld();
  for (const name of NAMES) await world.push(name, source, { scale: { idleSeconds: 300 } });
  await callAll(world);
  return world;
}

async function callAll(world: World): Promise<void> {
  for (const answer of await Promise.all(NAMES.map((name) => world.call(`/${name}`))))
    expect(answer).toMatchObject({ status: 200, text: "well" });
}

/** The host processes of the functions. */
const hostPids = async (world: World) => [
  ...new Set(await Promise.all(NAMES.map((name) => world.hostPid(name)))),
];

/** Kills the host of a function, and waits until everything is restarted. */
async function killHostOf(world: World, name: string, times = 1): Promise<void> {
  for (let time = 0; time < times; time++) {
    const pid = await world.hostPid(name);
    process.kill(pid, "SIGKILL");
    await eventually(async () => {
      await callAll(world);
      expect(await world.hostPid(name)).not.toBe(pid);
    });
  }
}

const residentMib = (pids: number[]) =>
  pids.reduce((sum, pid) => {
    const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return sum + Number(kib) / 1024;
  }, 0);

describe("a host that dies twice within a minute without a word", () => {
  it("costs two more processes for a while, not one for each function", { timeout: 180_000 }, async () => {
    await using world = await startFunctions();
    const before = residentMib(await hostPids(world));
    await killHostOf(world, "a", 2);
    expect((await hostPids(world)).length).toBe(2);

    await eventually(
      async () => {
        const pids = await hostPids(world);
        expect(pids.length).toBe(1);
        expect(residentMib(pids)).toBeLessThan(before * 1.15);
      },
      { timeoutMs: 120_000 },
    );
    await callAll(world);
  });

  it("leaves the function alone whose hosts go on to die, until it changes", {
    timeout: 120_000,
  }, async () => {
    await using world = await startFunctions();
    await eventually(async () => {
      await killHostOf(world, "a");
      expect((await world.logs("a")).map(({ message }) => message)).toContainEqual(
        expect.stringMatching(/^HOST_CRASHED: .*a host of its own/),
      );
    }, WAIT);
    await eventually(async () => {
      const others = await Promise.all(NAMES.slice(1).map((name) => world.hostPid(name)));
      expect(new Set(others).size).toBe(1);
      expect(others).not.toContain(await world.hostPid("a"));
    }, WAIT);
    await world.push("a", `${source} // changed`, { limits: { cpuMs: 500 } });
    await callAll(world);
    await eventually(async () => expect(await world.hostPid("a")).toBe(await world.hostPid("b")), WAIT);
  });
});

import { afterAll, expect, it } from "vitest";
import { pauseService, resumeService } from "../../control/index.ts";
import { openSchedules } from "../../nats/index.ts";
import { loadScheduleOrders } from "../../triggers/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld({ nodes: 2 });
afterAll(() => world[Symbol.asyncDispose]());
const store = await openSchedules(world.connection);
const { awaitRun, listSchedules, runSchedule } = await loadScheduleOrders();

const SECONDLY = "* * * * * *";

const recordsOf = (name: string, schedule = "1") => store.records({ function: name, schedule });
const endedOf = async (name: string, schedule = "1") =>
  (await recordsOf(name, schedule)).filter(({ outcome }) => outcome === "ok");

it("runs a sleeping function once for each tick, however many nodes there are", async () => {
  const source = `export default {
    scheduled({ id, name, cron, scheduledTime, attempts, input }) {
      console.log("tick " + id);
      return { id, name, cron, scheduledTime, attempts, input };
    },
  };`;
  await world.push("clock", source, {
    schedule: { cron: SECONDLY, zone: "Europe/Berlin", input: { list: "daily" } },
    scale: { idleSeconds: 0.1 },
  });
  const records = await eventually(async () => {
    const found = await endedOf("clock");
    expect(found.length).toBeGreaterThan(3);
    return found;
  });
  const [first] = records;
  expect(first).toMatchObject({
    outcome: "ok",
    id: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    attempts: 1,
    result: {
      id: `clock/1/${first?.id}`,
      ...{ name: "1", cron: SECONDLY, scheduledTime: first?.tickMs, attempts: 1, input: { list: "daily" } },
    },
  });
  await world.push("clock", source.replace("tick", "never"), {});
  await eventually(async () => expect(await Array.fromAsync(store.list("clock"))).toEqual([]));
  const ticks = (await world.logs("clock"))
    .map(({ message }) => message)
    .filter((text) => text.startsWith("tick"));
  expect(new Set(ticks).size).toBe(ticks.length);
  expect(ticks.length).toBeGreaterThan(3);
});

const MIXED = `export default {
  async scheduled({ name, id, attempts }) {
    console.log(name + " begins " + id);
    if (name === "slow" || name === "queued") await new Promise((resolve) => setTimeout(resolve, 1500));
    if (name === "endless") await new Promise(() => {});
    if (name === "flaky" && attempts < 3) throw new Error("attempt " + attempts);
    if (name === "final") throw new Error("never");
    return attempts;
  },
};`;
const RARE = "@yearly";

it("keeps to the rules of overlap, the time limit and the retries of a schedule", async () => {
  const schedule = [
    { name: "slow", cron: SECONDLY },
    { name: "queued", cron: SECONDLY, overlap: "queue" },
    { name: "endless", cron: RARE, timeoutMs: 300 },
    { name: "flaky", cron: RARE, retries: 2 },
  ];
  await world.push("mixed", MIXED, { schedule });
  await eventually(async () => {
    const seen = (await listSchedules(world.connection, "mixed")).filter(({ isSeen }) => isSeen);
    expect(seen).toHaveLength(4);
  });
  const runOf = async (name: string) => {
    const { key, id } = await runSchedule(world.connection, "mixed", name);
    return awaitRun(world.connection, key, id, AbortSignal.timeout(20_000));
  };
  const [endless, flaky] = await Promise.all([runOf("endless"), runOf("flaky")]);
  expect(endless).toMatchObject({
    outcome: "failed",
    code: "DEADLINE_EXCEEDED",
    attempts: 1,
    isManual: true,
  });
  expect(flaky).toMatchObject({ outcome: "ok", attempts: 3, result: 3 });
  // Ticks that come while the run before goes on are left out, or wait in their order.
  await eventually(async () => {
    const outcomes = (await recordsOf("mixed", "slow")).map(({ outcome }) => outcome);
    expect(outcomes).toEqual(expect.arrayContaining(["ok", "skipped"]));
  });
  const queued = await eventually(async () => {
    const found = await recordsOf("mixed", "queued");
    expect(found.length).toBeGreaterThan(2);
    return found;
  });
  const ticks = queued.map(({ tickMs }) => tickMs);
  expect(ticks).toEqual(ticks.map((_, at) => (ticks[0] ?? 0) + at * 1_000));
  const starts = queued.map(({ startedMs = 0 }) => startedMs);
  for (const [at, { endedMs }] of queued.entries())
    expect(starts[at + 1] ?? endedMs).toBeGreaterThanOrEqual(endedMs);
  await world.push("mixed", MIXED, {});
});

it.each(["skip", "last", "all"] as const)(
  "makes up for an outage of three hours as missed: %s says",
  async (missed) => {
    const name = `outage-${missed}`;
    const key = { function: name, schedule: "1" };
    // Half an hour from now, so that no tick comes meanwhile.
    const minute = (new Date().getUTCMinutes() + 30) % 60;
    await world.push(name, MIXED, { schedule: { cron: `${minute} * * * *`, missed } });
    const stored = await eventually(async () => {
      const found = await store.read(key);
      if (found === undefined) throw new Error("no node has seen the push");
      return found;
    });
    const offset = minute * 60_000;
    const hour = Math.floor((Date.now() - offset) / 3_600_000) * 3_600_000 + offset;
    // The state and the alarm of three hours ago, as a server has them that was away since then.
    const [lastMs, nextMs] = [hour - 3 * 3_600_000, hour - 2 * 3_600_000];
    const seq = await store.write(key, { ...stored.state, lastMs, nextMs }, stored.seq);
    await store.setAlarm(key, nextMs, seq ?? 0);
    const after = await eventually(async () => {
      const state = (await store.read(key))?.state;
      expect(state).toMatchObject({ lastMs: hour, nextMs: hour + 3_600_000, open: [], queue: [] });
      return recordsOf(name);
    });
    const runs = after.filter(({ outcome }) => outcome === "ok").map(({ tickMs }) => tickMs);
    const all = [nextMs, nextMs + 3_600_000, hour];
    expect(runs).toEqual({ skip: [], last: [hour], all }[missed]);
    const count = after.find(({ outcome }) => outcome === "missed")?.count ?? 0;
    expect(count).toBe(3 - runs.length);
  },
);

it("holds the tick of a paused service until it goes on, without an attempt", async () => {
  const source = "export default { scheduled: ({ attempts }) => attempts };";
  await world.push("resting", source, { schedule: { cron: SECONDLY } });
  await pauseService(world.connection, "resting");
  // One tick waits; the ones behind it find it there.
  const [waits] = await eventually(async () => {
    const [state] = await Array.fromAsync(store.list("resting"));
    const skipped = (await recordsOf("resting")).filter(({ outcome }) => outcome === "skipped");
    expect(skipped.length).toBeGreaterThan(2);
    expect(state?.state.open).toHaveLength(1);
    return state?.state.open ?? [];
  });
  expect((await recordsOf("resting")).filter(({ id }) => id === waits?.id)).toEqual([]);
  await resumeService(world.connection, "resting");
  const record = await eventually(async () => {
    const found = (await recordsOf("resting")).find(({ id }) => id === waits?.id);
    expect(found).toBeDefined();
    return found;
  });
  expect(record).toMatchObject({ outcome: "ok", attempts: 1, result: 1 });
}, 60_000);

it("skips the ticks of a paused service that refuses", async () => {
  const source = `import { service } from "narun";
    const refusing = service({ name: "refusing", version: "1.0.0", whenPaused: "refuse" }).action("go", {}, () => 1);
    export default { ...refusing, describe: () => refusing.describe(), scheduled: () => "ran" };`;
  await world.push("refusing", source, { schedule: { cron: SECONDLY } });
  await pauseService(world.connection, "refusing");
  await eventually(async () =>
    expect(await recordsOf("refusing")).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ outcome: "skipped", reason: "the service is paused" }),
      ]),
    ),
  );
  await resumeService(world.connection, "refusing");
  const last = (await recordsOf("refusing")).at(-1)?.tickMs ?? 0;
  await eventually(async () =>
    expect((await endedOf("refusing")).some(({ tickMs }) => tickMs > last)).toBe(true),
  );
}, 60_000);

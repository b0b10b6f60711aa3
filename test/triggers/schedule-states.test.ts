/** Schedules while no node runs, and the metrics of their runs. */
import { afterAll, expect, it } from "vitest";
import { FunctionSpecSchema } from "../../contracts/index.ts";
import { removeFunction } from "../../control/revisions.ts";
import { openSchedules, openSpecs } from "../../nats/index.ts";
import { loadScheduleOrders } from "../../triggers/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());
const { connection } = world;
const { awaitRun, listSchedules, runSchedule, showSchedule } = await loadScheduleOrders();

const SOURCE = `export default {
  scheduled({ input }) {
    if (input?.fails) throw new Error("no paper");
  },
};`;

const states = async () => Array.fromAsync((await openSchedules(connection)).list());

it("counts ticks and runs in the metrics of the node", async () => {
  const schedule = [
    { name: "often", cron: "* * * * * *" },
    { name: "broken", cron: "@yearly", input: { fails: true } },
  ];
  await world.push("counted", SOURCE, { schedule });
  await eventually(async () => expect(await states()).toHaveLength(2));
  const { key, id } = await runSchedule(connection, "counted", "broken");
  expect(await awaitRun(connection, key, id, AbortSignal.timeout(20_000))).toMatchObject({
    outcome: "failed",
  });
  await eventually(async () => {
    const response = await fetch(`${world.nodes[0]?.metricsUrl}/metrics`);
    const text = await response.text();
    expect(text).toMatch(/^narun_schedule_ticks_total [1-9]/m);
    expect(text).toMatch(/^narun_schedule_late_ticks_total \d/m);
    expect(text).toMatch(/^narun_schedule_lateness_seconds_total \d/m);
    expect(text).toMatch(/^narun_schedule_runs_total\{outcome="ok"\} [1-9]/m);
    expect(text).toMatch(/^narun_schedule_runs_total\{outcome="failed"\} 1$/m);
  });
});

it("lists what no node has seen, and removes at the start what no function has", async () => {
  await world.nodes[0]?.drain();
  await removeFunction(connection, "counted");
  expect(await states()).toHaveLength(2);
  const specs = await openSpecs(connection);
  const spec = FunctionSpecSchema.parse({
    ...{ name: "unseen", mode: "isolate", routes: [], revision: "a".repeat(64) },
    schedule: [{ name: "nightly", cron: "30 2 * * *", zone: "Europe/Berlin" }],
  });
  await specs.put("unseen", { kind: "function", spec });
  expect(await listSchedules(connection, "unseen")).toMatchObject([
    { function: "unseen", schedule: "nightly", isSeen: false, isPaused: false, last: undefined },
  ]);
  const [{ upcoming = [] } = {}] = await listSchedules(connection, "unseen");
  expect(upcoming).toHaveLength(5);
  expect(upcoming[0]).toBeGreaterThan(Date.now());
  await expect(showSchedule(connection, "unseen")).rejects.toThrow("no node has seen the push of unseen yet");
  await specs.delete("unseen");

  await world.startNode("later");
  await eventually(async () => expect(await states()).toEqual([]));
});

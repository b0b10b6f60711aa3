import { afterAll, expect, it } from "vitest";
import { openSchedules } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld({ nodes: 2 });
afterAll(() => world[Symbol.asyncDispose]());
const store = await openSchedules(world.connection);

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

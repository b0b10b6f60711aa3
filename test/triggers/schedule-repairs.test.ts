/** Schedules go on where their runner died between the writes of one change. */
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { afterAll, expect, it } from "vitest";
import { stores, subjects } from "../../contracts/index.ts";
import { openSchedules, type StoredSchedule } from "../../nats/index.ts";
import { change } from "../../triggers/schedules/schedule-book.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());
const { connection } = world;
const store = await openSchedules(connection);
const client = jetstream(connection.connection);
const manager = await jetstreamManager(connection.connection);
const wire = (subject: string) => connection.world.toWire(subject);

/** A schedule that does not ring by itself. */
async function pushYearly(name: string): Promise<StoredSchedule> {
  await world.push(name, "export default { scheduled: ({ id }) => id };", {
    schedule: [{ name: "yearly", cron: "@yearly" }],
  });
  const key = { function: name, schedule: "yearly" };
  return eventually(async () => {
    const stored = await store.read(key);
    if (stored === undefined || !(await store.messages()).hasAlarm(key)) throw new Error("not set yet");
    return stored;
  });
}

const dropAlarm = (name: string) =>
  manager.streams.purge(stores.schedules.stream, { filter: wire(subjects.scheduleAlarm(name, "yearly")) });

it("sets the alarm of a state whose runner died before it did, as its message comes again", async () => {
  const stored = await pushYearly("alarmless");
  await dropAlarm("alarmless");
  // The message of the alarm before: the state has passed it.
  await client.publish(wire(subjects.scheduleDue("alarmless", "yearly")), "1");
  await eventually(async () => {
    const messages = await store.messages();
    expect(messages.hasDue(stored)).toBe(false);
    expect(messages.hasAlarm(stored)).toBe(true);
  });
});

it("hands out the next run of a state whose runner died before it did, as the message of the last run comes again", async () => {
  const stored = await pushYearly("runless");
  const open = [{ id: "next", tickMs: Date.now(), isManual: true }];
  await store.write(stored, { ...stored.state, open }, stored.seq);
  await client.publish(wire(subjects.scheduleRun("runless", "yearly.last")), "");
  await eventually(async () =>
    expect(await store.records(stored)).toMatchObject([{ id: "next", outcome: "ok" }]),
  );
});

it("sets an alarm behind the runs of its state: the alarm replaces the message that would bring them", async () => {
  const stored = await pushYearly("ordered");
  await dropAlarm("ordered");
  const dying = await openSchedules(connection);
  dying.handOut = () => Promise.reject(new Error("the runner has died"));
  const nextMs = Date.now() + 3_600_000;
  const open = [{ id: "one", tickMs: Date.now(), isManual: true }];
  const changing = change(dying, stored, (before) => before && { state: { ...before, nextMs, open } });
  await expect(changing).rejects.toThrow("the runner has died");
  expect((await store.read(stored))?.state.open).toEqual(open);
  expect((await store.messages()).hasAlarm(stored)).toBe(false);
});

/** Schedules after a change of the cluster: a server that took over may have lost a message that the stream has stored. */
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, expect, it, vi } from "vitest";
import { FunctionSpecSchema, stores, subjects } from "../../contracts/index.ts";
import { connectNats, openSchedules, openSpecs } from "../../nats/index.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { createSchedules } from "./schedules.ts";

const server = await startTestNats();
const nats = await connectNats({ url: server.url, name: "schedules" });
const quiet = () => undefined;
const schedules = createSchedules({
  nats,
  calls: { call: () => Promise.reject(new Error("nothing runs")) } as never,
  ...{ specOf: quiet, node: "n", secretsKey: undefined, egressDeny: [] },
  log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
});
afterAll(async () => {
  await schedules.drain({ graceMs: 0 });
  await nats.close();
  await server.close();
});

/** The server tells of these servers, and the time goes on to the first look. */
function passChange(urls: readonly string[]): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  Object.assign(nats.connection.info ?? {}, { cluster: "c", connect_urls: urls });
  nats.cluster.look();
  vi.advanceTimersByTime(30_000);
  vi.useRealTimers();
}

it("are looked at: an alarm that is missing is set again", async () => {
  const spec = FunctionSpecSchema.parse({
    ...{ name: "yearly", revision: "a".repeat(64), mode: "isolate", routes: [] },
    schedule: [{ name: "one", cron: "@yearly" }],
  });
  await (await openSpecs(nats)).create("yearly", { kind: "function", spec });
  schedules.onSpec("yearly", spec);
  const store = await openSchedules(nats);
  const key = { function: "yearly", schedule: "one" };
  const hasAlarm = async () => (await store.messages()).hasAlarm(key);
  await eventually(async () => expect(await hasAlarm()).toBe(true), { timeoutMs: 20_000 });
  const manager = await jetstreamManager(nats.connection);
  const filter = nats.world.toWire(subjects.scheduleAlarm("yearly", "one"));
  await manager.streams.purge(stores.schedules.stream, { filter });
  expect(await hasAlarm()).toBe(false);
  passChange(["a:1", "b:2"]);
  await eventually(async () => expect(await hasAlarm()).toBe(true), { timeoutMs: 20_000 });
}, 60_000);

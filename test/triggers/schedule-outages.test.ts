/** Schedules while parts of narun die: the server over three ticks, a runner in the middle of a run. */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, expect, inject, it } from "vitest";
import { openSchedules } from "../../nats/index.ts";
import { startNatsServer } from "../../nats-server/index.ts";
import { loadScheduleOrders } from "../../triggers/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const closers = new AsyncDisposableStack();
afterAll(() => closers.disposeAsync());

const dataDir = await mkdtemp(join(tmpdir(), "narun-test-outage-"));
closers.defer(() => rm(dataDir, { recursive: true, force: true }));
const port = await freePort();
const startServer = () =>
  startNatsServer({ binary: inject("natsServer"), dataDir, port, log: pino({ level: "silent" }) });
let server = await startServer();
closers.defer(() => server.close());
const world = closers.use(await startWorld({ natsUrl: server.url, nodes: 2 }));
const store = await openSchedules(world.connection);
const { listSchedules, runSchedule } = await loadScheduleOrders();

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.once("listening", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

const okTicks = async (schedule: string) =>
  (await store.records({ function: "outage", schedule }))
    .filter(({ outcome }) => outcome === "ok")
    .map(({ tickMs }) => tickMs);

it("makes up for the ticks of a server that was down over three of them, once", async () => {
  const source = 'export default { scheduled: ({ id }) => console.log("tick " + id) };';
  const cron = "*/2 * * * * *";
  const schedule = ["skip", "last", "all"].map((missed) => ({
    name: missed,
    cron,
    missed,
    overlap: "queue",
  }));
  await world.push("outage", source, { schedule });
  await eventually(async () => expect(await okTicks("all")).not.toEqual([]));
  await server.close();
  const downFrom = Date.now();
  // Time itself is awaited: ticks pass while the server is away.
  await eventually(() => expect(Date.now() - downFrom).toBeGreaterThan(8_000), { timeoutMs: 20_000 });
  const upAt = Date.now();
  server = await startServer();
  const after = await eventually(
    async () => {
      const ticks = await Promise.all(["skip", "last", "all"].map(okTicks));
      for (const some of ticks) expect(some.filter((tick) => tick > upAt).length).toBeGreaterThan(1);
      return ticks;
    },
    { timeoutMs: 30_000 },
  );
  const down = ticksBetween(downFrom + 500, upAt - 500);
  expect(down.length).toBeGreaterThanOrEqual(3);
  const [skip = [], last = [], all = []] = after;
  expect(all).toEqual(expect.arrayContaining(down));
  expect(all).toEqual(ticksBetween((all[0] ?? 0) - 1, all.at(-1) ?? 0));
  // The newest of them was in time, or stands for all.
  for (const some of [skip, last])
    expect(some.filter((tick) => down.includes(tick)).length).toBeLessThanOrEqual(1);
  const missed = (await store.records({ function: "outage", schedule: "skip" })).find(
    ({ outcome }) => outcome === "missed",
  );
  expect(missed?.count).toBeGreaterThanOrEqual(down.length - 1);
  await eventually(async () => {
    const lines = (await world.logs("outage")).map(({ message }) => message);
    expect(lines.length).toBeGreaterThan(down.length);
    expect(new Set(lines).size).toBe(lines.length);
  });
  await world.push("outage", source, {});
}, 90_000);

function ticksBetween(afterMs: number, untilMs: number): number[] {
  const first = Math.floor(afterMs / 2_000) + 1;
  const count = Math.floor(untilMs / 2_000) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, at) => (first + at) * 2_000);
}

it("runs a tick again whose runners were killed, with the same id, and stays paused over their end", async () => {
  const source = `export default {
    async scheduled({ id, attempts }) {
      console.log("attempt " + attempts);
      if (attempts === 1) await new Promise(() => {});
      return { id, attempts };
    },
  };`;
  const schedule = [
    { name: "long", cron: "@yearly" },
    { name: "paused", cron: "* * * * * *" },
  ];
  await world.push("killed", source, { schedule });
  await eventually(async () => {
    const seen = (await listSchedules(world.connection, "killed")).filter(({ isSeen }) => isSeen);
    expect(seen).toHaveLength(2);
  });
  const { pauseSchedule } = await loadScheduleOrders();
  await pauseSchedule(world.connection, "killed", "paused");
  const { key, id } = await runSchedule(world.connection, "killed", "long");
  await eventually(async () => {
    const lines = (await world.logs("killed")).map(({ message }) => message);
    expect(lines).toContain("attempt 1");
  });
  await Promise.all(world.nodes.map((node) => node.kill9()));
  await world.startNode("node-9");
  const record = await eventually(
    async () => {
      const found = (await store.records(key)).find((one) => one.id === id);
      if (found === undefined) throw new Error("the run has no record");
      return found;
    },
    { timeoutMs: 60_000 },
  );
  expect(record).toMatchObject({
    ...{ outcome: "ok", attempts: 2, node: "node-9" },
    result: { id: `killed/long/${id}`, attempts: 2 },
  });
  const [, paused] = await listSchedules(world.connection, "killed");
  expect(paused).toMatchObject({ schedule: "paused", isPaused: true, upcoming: [] });
}, 120_000);

it("carries out each order that is given while the server is killed, once", async () => {
  const source = "export default { scheduled: ({ id }) => ({ id }) };";
  const names = ["a", "b", "c", "d"];
  await world.push("ordered", source, { schedule: names.map((name) => ({ name, cron: "@yearly" })) });
  await eventually(
    async () => {
      const seen = (await listSchedules(world.connection, "ordered")).filter(({ isSeen }) => isSeen);
      expect(seen).toHaveLength(names.length);
    },
    { timeoutMs: 30_000 },
  );
  const ids: { schedule: string; id: string }[] = [];
  const orders = names.map(async (schedule) => {
    for (let order = 0; order < 25; order++) {
      const { id } = await runSchedule(world.connection, "ordered", schedule);
      ids.push({ schedule, id });
    }
  });
  // The server dies under orders of every phase, and comes back by itself.
  for (const count of [15, 50]) {
    await eventually(() => expect(ids.length).toBeGreaterThan(count), { timeoutMs: 60_000 });
    const { pid } = server;
    if (pid === undefined) throw new Error("the server does not run");
    process.kill(pid, "SIGKILL");
    await eventually(() => expect([pid, undefined]).not.toContain(server.pid), { timeoutMs: 30_000 });
  }
  await Promise.all(orders);
  for (const schedule of names) {
    const ordered = ids.filter((one) => one.schedule === schedule).map(({ id }) => id);
    await eventually(
      async () => {
        const records = await store.records({ function: "ordered", schedule });
        expect(records.map(({ id }) => id).sort()).toEqual(ordered.sort());
      },
      { timeoutMs: 60_000 },
    );
  }
}, 240_000);

import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestNats, type TestNats } from "../test/harness/nats.ts";
import { connectNats, type Nats } from "./connection.ts";
import { isNodeAlive } from "./node-alive.ts";
import { type ClaimingState, claimNode } from "./node-claim.ts";
import { openNodeStates } from "./stores.ts";

let server: TestNats;
beforeAll(async () => {
  server = await startTestNats();
});
afterAll(() => server.close());

/** As a runner in a process of its own, which ends when its connection does. */
async function startClaimant(node: string, pid: number) {
  const nats: Nats = await connectNats({ url: server.url, name: "test" });
  const states = await openNodeStates(nats);
  const now = new Date().toISOString();
  const state: ClaimingState = {
    node_id: node,
    last_seen: now,
    version: "0.0.0",
    start_time: now,
    managed_instances: [],
    status: "running",
    labels: {},
    problems: [],
    epoch: crypto.randomUUID(),
    host: "vm",
    pid,
  };
  return {
    nats,
    state,
    claim: () => claimNode(nats, states, state),
    holder: async () => {
      const read = await states.get(node);
      return read?.ok ? read.value.pid : undefined;
    },
    [Symbol.asyncDispose]: () => nats.close(),
  };
}

const isTaken = (pid: number) =>
  expect.objectContaining({
    code: "USAGE",
    fields: expect.objectContaining({ detail: expect.stringContaining(`process ${pid} on vm`) }),
  });

it("is one runner's, however many ask for it in the same moment", async () => {
  const claimants = await Promise.all([1, 2, 3, 4, 5].map((pid) => startClaimant("twin", pid)));
  const results = await Promise.allSettled(claimants.map(({ claim }) => claim()));
  const winner = results.findIndex(({ status }) => status === "fulfilled") + 1;
  const lost = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  expect(lost).toEqual(Array(4).fill(isTaken(winner)));
  expect(await claimants[0]?.holder()).toBe(winner);
  await Promise.all(claimants.map(({ nats }) => nats.close()));
});

it("is free at once when its runner has died, without having said so", async () => {
  const first = await startClaimant("restarted", 1);
  await first.claim();
  await using second = await startClaimant("restarted", 2);
  expect(await isNodeAlive(second.nats, first.state)).toBe(true);
  await expect(second.claim()).rejects.toEqual(isTaken(1));
  await first.nats.close();
  expect(await isNodeAlive(second.nats, first.state)).toBe(false);
  const claim = await second.claim();
  expect(await second.holder()).toBe(2);
  await claim.release();
  expect(await second.holder()).toBeUndefined();
});

it("is told to the runner that lost it, which leaves its successor's entry alone", async () => {
  await using first = await startClaimant("away", 1);
  await using second = await startClaimant("away", 2);
  const lost = await first.claim();
  await (await openNodeStates(second.nats)).delete("away");
  await second.claim();
  await expect(lost.write(first.state)).rejects.toEqual(isTaken(2));
  await lost.release();
  expect(await second.holder()).toBe(2);
});

it("comes back to its runner where its entry has vanished", async () => {
  await using only = await startClaimant("vanished", 1);
  const claim = await only.claim();
  await (await openNodeStates(only.nats)).delete("vanished");
  await claim.write(only.state);
  expect(await only.holder()).toBe(1);
});

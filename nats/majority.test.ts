/** Writes where no leader answers: of a server that died, and of a minority. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../test/harness/eventually.ts";
import type { NatsCluster } from "../test/harness/nats-cluster.ts";
import type { Nats } from "./connection.ts";
import { openKv } from "./kv/kv.ts";
import { type ClusterSuite, codec, LONG_MS, startClusterSuite, WAIT } from "./testing/cluster-suite.ts";

let suite: ClusterSuite;
let cluster: NatsCluster;
let nats: Nats;
beforeAll(async () => {
  suite = await startClusterSuite();
  ({ cluster, nats } = suite);
});
afterAll(() => suite[Symbol.asyncDispose]());

test("a conditional write whose answer is lost is known to be stored", { timeout: LONG_MS }, async () => {
  const kv = await openKv(nats, { bucket: "counted" }, codec);
  const first = (await kv.create("key", "0")) ?? 0;
  const { leader } = await suite.placesOf("KV_counted");
  const killing = cluster.kill(leader);
  const revision = await kv.update("key", "1", first);
  await killing;
  expect(revision).toBeGreaterThan(first);
  expect(await kv.update("key", "2", revision ?? 0)).toBeGreaterThan(revision ?? 0);
  cluster.start(leader);
  await suite.untilWhole();
});

test("a minority refuses writes by name, reads on, and heals", { timeout: LONG_MS }, async () => {
  const { kv, seen, end } = await suite.follow("few");
  await kv.put("key", "before");
  const own = suite.own();
  const lost = cluster.names.filter((name) => name !== own);
  await Promise.all(lost.map((name) => cluster.kill(name)));
  const refused = { code: "NATS_NO_MAJORITY", message: expect.stringContaining("1 of 3 servers are there") };
  await expect(kv.put("key", "refused")).rejects.toMatchObject(refused);
  await expect(kv.update("key", "refused", 1)).rejects.toMatchObject(refused);
  await expect(openKv(nats, { bucket: "late" }, codec)).rejects.toMatchObject(refused);
  // A copy may look for its leader for a moment, and answers nothing then.
  await eventually(async () => expect(await kv.get("key")).toMatchObject({ value: "before" }), WAIT);
  expect(suite.own()).toBe(own);
  for (const name of lost) cluster.start(name);
  await eventually(() => kv.put("key", "healed"), WAIT);
  await eventually(() => expect(seen.at(-1)).toBe("healed"), WAIT);
  end();
});

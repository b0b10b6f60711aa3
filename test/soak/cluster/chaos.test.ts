import { expect, inject, test } from "vitest";
import { runChaos } from "./chaos.ts";

/** Decides the places. The long form, with all kinds of faults, is `npm run soak -- cluster`. */
const SEED = 7;

test("any of three may die: nothing fails, nothing is lost, order stays", {
  timeout: 150_000,
}, async () => {
  const report = await runChaos({
    ...{ binary: inject("natsServer"), cacheDir: inject("nodeCache") },
    ...{ seed: SEED, faults: ["kill", "gateway", "cut"], faultMs: 4_000 },
  });
  expect(report.faults).toEqual([]);
  expect(report.events).toHaveLength(3);
  const { done } = report;
  expect(done["queues handled"]).toBeGreaterThan(30);
  expect(done["events handled"]).toBeGreaterThan(30);
  expect(done["workflows ended"]).toBeGreaterThan(3);
  expect(done.request).toBeGreaterThan(100);
});

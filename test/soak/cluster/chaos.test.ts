import { expect, inject, test } from "vitest";
import { runChaos } from "./chaos.ts";

/** Its faults: `kill 0`, `cut 1`. The long form is `npm run soak -- cluster`. */
const SEED = 7;

test("any of three servers may die: nothing fails, nothing is lost, order stays", {
  timeout: 150_000,
}, async () => {
  const report = await runChaos({
    ...{ binary: inject("natsServer"), cacheDir: inject("nodeCache") },
    ...{ seed: SEED, faults: 2, faultMs: 4_000 },
  });
  expect(report.faults).toEqual([]);
  expect(report.handled).toBeGreaterThan(30);
  expect(report.answers).toBeGreaterThan(100);
  expect(report.events).toHaveLength(2);
});

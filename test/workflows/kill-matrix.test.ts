/** The short form of the kill matrix. `npm run soak -- workflows` is the long one. */
import { expect, inject, it } from "vitest";
import { runMatrix } from "../soak/kill-matrix/matrix.ts";

const SEED = 17;

it("ends every workflow right while its host, runners, gateway and nats-server are killed", async () => {
  const { faults, kills, effects } = await runMatrix({
    ...{ binary: inject("natsServer"), seed: SEED, workflows: 12, kills: 10, atOnce: 3 },
    ...{ patienceMs: 1_000, pauseMs: 500, mostMs: 240_000 },
  });
  expect(faults).toEqual([]);
  expect(effects).toBe(12 * 12);
  expect(new Set(kills.map(({ victim }) => victim)).size).toBeGreaterThan(1);
}, 300_000);

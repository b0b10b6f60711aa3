/**
 * Hosts that lie in every field of their frames, by a seed. No lie ends the gateway, keeps a request waiting, or answers a
 * request of another host. `npm run fuzz:frames` plays more.
 */
import { expect, it } from "vitest";
import { playFrames } from "./frame-run.ts";

const COUNT = 2_000;
const SEED = 1;

it(`survives ${COUNT} lying hosts by seed ${SEED}`, { timeout: 120_000 }, async () => {
  let played = 0;
  await playFrames({ seed: SEED, to: COUNT, onPlayed: () => (played += 1) });
  expect(played).toBe(COUNT);
});

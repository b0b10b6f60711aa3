/**
 * Lying hosts that are announced to a whole gateway beside an honest one, by a seed. No lie ends the gateway, keeps a request
 * beyond its deadline, or answers a request of another host. `npm run fuzz:frames` plays more.
 */
import { expect, it } from "vitest";
import { playHosts } from "./gateway-run.ts";

const COUNT = 100;
const SEED = 1;

it(`survives ${COUNT} lying hosts by seed ${SEED}`, { timeout: 120_000 }, async () => {
  let played = 0;
  await playHosts({ seed: SEED, to: COUNT, onPlayed: () => (played += 1) });
  expect(played).toBe(COUNT);
});

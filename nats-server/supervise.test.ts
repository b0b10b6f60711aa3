import { expect, test } from "vitest";
import { decideRestartDelayMs } from "./supervise.ts";

test("restarts at once, then waits longer and longer, up to 5 s", () => {
  expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 50].map(decideRestartDelayMs)).toEqual([
    0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000,
  ]);
});

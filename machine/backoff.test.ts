import { expect, it } from "vitest";
import { createBackoff } from "./backoff.ts";

it("tries again at once, then waits longer and longer, up to its bound, and forgets", () => {
  const backoff = createBackoff({ firstMs: 100, maxMs: 500, forgetAfterMs: 10_000 });
  expect([1, 2, 3, 4, 5, 6].map((nowMs) => backoff.fail(nowMs))).toEqual([0, 100, 200, 400, 500, 500]);
  expect(backoff.fail(20_000)).toBe(0);
});

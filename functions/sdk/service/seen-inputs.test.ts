import { expect, it } from "vitest";
import { createSeenInputs } from "./seen-inputs.ts";

it("knows an input for as long as it is good, and at most so many", () => {
  const seen = createSeenInputs(3);
  const take = (tag: string, goodUntilMs: number, nowMs = 0) =>
    seen.take(`head.key.iv.text.${tag}`, goodUntilMs, nowMs);
  expect([take("a", 10), take("a", 10), take("b", 10)]).toEqual([true, false, true]);
  // Behind its time the time itself refuses it.
  expect([take("c", 30, 11), take("a", 10, 11)]).toEqual([true, true]);
  expect([take("d", 30, 20), take("e", 30, 20), take("f", 30, 20)]).toEqual([true, true, true]);
  expect([take("f", 30, 20), take("e", 30, 20), take("d", 30, 20)]).toEqual([false, false, false]);
  expect(take("c", 30, 20)).toBe(true);
});

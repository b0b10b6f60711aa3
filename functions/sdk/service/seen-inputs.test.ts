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

it("forgets the oldest alone, however many came before", () => {
  const seen = createSeenInputs(3);
  const tags = Array.from({ length: 20 }, (_, index) => `tag-${index}`);
  for (const [index, tag] of tags.entries()) {
    expect(seen.take(`head.key.iv.text.${tag}`, 10, 0)).toBe(true);
    const known = tags.slice(Math.max(0, index - 2), index + 1);
    expect(known.map((one) => seen.take(`head.key.iv.text.${one}`, 10, 0))).not.toContain(true);
  }
  expect(seen.take("head.key.iv.text.tag-16", 10, 0)).toBe(true);
});

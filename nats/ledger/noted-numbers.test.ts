import { describe, expect, it } from "vitest";
import { NotedNumbers } from "./noted-numbers.ts";

const LAST = 2 ** 32 - 1;

describe.each([0, LAST - 1_500, LAST - 500, LAST - 10])("the noted numbers, from %i on", (first) => {
  it("tell a number that never came from one that is kept or forgotten", () => {
    const noted = new NotedNumbers();
    const at = (index: number) => (first + index) >>> 0;
    const left = new Set([3, 1_999]);
    for (let index = 0; index < 2_000; index++) if (!left.has(index)) noted.note(at(index));
    expect([0, 5, 900, 1_000, 1_998].map((index) => noted.mayInclude(at(index)))).toEqual(
      Array(5).fill(true),
    );
    // Older than those that are forgotten: nothing is certain.
    expect(noted.mayInclude(at(3))).toBe(true);
    expect([1_999, 2_000, 5_000].map((index) => noted.mayInclude(at(index)))).toEqual([false, false, false]);
  });
});

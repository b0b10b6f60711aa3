import { describe, expect, it } from "vitest";
import { NumberTable } from "./number-table.ts";

/** A source of numbers that are the same at each run. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe("a table of numbers", () => {
  it.each([
    { name: "few that live shortly", most: 20, lives: 10 },
    { name: "some of them living long", most: 300, lives: 40 },
    { name: "many", most: 5_000, lives: 5_000 },
  ])("holds what a map holds: $name", ({ most, lives }) => {
    const random = createRandom(most);
    const table = new NumberTable<{ number: number }>();
    const map = new Map<number, { number: number }>();
    let next = 2 ** 32 - 10_000;
    for (let step = 0; step < 20_000; step++) {
      const number = next;
      next = (next + 1) >>> 0;
      const value = { number };
      table.set(number, value);
      map.set(number, value);
      const old = (number - random(lives)) >>> 0;
      if (map.size > most || random(2) === 0) expect(table.delete(old)).toBe(map.delete(old));
      expect(table.get(old)).toBe(map.get(old));
      expect(table.has(number)).toBe(map.has(number));
      expect(table.size).toBe(map.size);
    }
    const ascending = [...map].sort(([one], [other]) => one - other);
    expect(table.entries()).toEqual(ascending);
    expect(table.values()).toEqual(ascending.map(([, value]) => value));
    table.clear();
    expect([table.size, table.values(), table.has(next)]).toEqual([0, [], false]);
  });

  it("takes another value for a number that it has, wherever that is", () => {
    const table = new NumberTable<string>();
    for (const number of [1, 65]) {
      table.set(number, "first");
      table.set(number, "second");
    }
    expect(table.entries()).toEqual([
      [1, "second"],
      [65, "second"],
    ]);
    table.delete(1);
    table.set(65, "third");
    expect(table.entries()).toEqual([[65, "third"]]);
  });
});

import fc from "fast-check";
import { expect, it } from "vitest";
import { BoundedMap } from "./bounded-map.ts";

it("forgets the entry that was added first", () => {
  const forgotten: string[] = [];
  const map = new BoundedMap<string, number>(2, (key) => forgotten.push(key));
  map.set("a", 1).set("b", 2).set("a", 3);
  expect([[...map], forgotten]).toEqual([
    [
      ["a", 3],
      ["b", 2],
    ],
    [],
  ]);
  map.set("c", 4);
  expect([[...map.keys()], forgotten]).toEqual([["b", "c"], ["a"]]);
});

it("has no room where its bound is 0", () => {
  expect([...new BoundedMap<string, number>(0).set("a", 1)]).toEqual([]);
});

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("set"), key: fc.nat(12) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("delete"), key: fc.nat(12) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("clear"), key: fc.constant(0) }) },
);

it("holds the newest keys in their order, whatever is set, deleted and cleared", () => {
  fc.assert(
    fc.property(fc.nat(5), fc.array(step, { maxLength: 80 }), (maxEntries, steps) => {
      const map = new BoundedMap<number, number>(maxEntries);
      let kept: number[] = [];
      for (const { kind, key } of steps) {
        if (kind === "clear") {
          map.clear();
          kept = [];
        } else if (kind === "delete") {
          map.delete(key);
          kept = kept.filter((one) => one !== key);
        } else {
          map.set(key, key);
          if (!kept.includes(key)) kept = [...kept, key].slice(Math.max(0, kept.length + 1 - maxEntries));
        }
        expect([...map.keys()]).toEqual(kept);
      }
    }),
  );
});

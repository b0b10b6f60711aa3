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

import { expect, it } from "vitest";
import { rankNodes } from "./placement.ts";

const nodes = (count: number) => Array.from({ length: count }, (_, index) => ({ node: `node-${index}` }));
const names = Array.from({ length: 3_000 }, (_, index) => `function-${index}`);
const firstOf = (name: string, among: { node: string }[]) => rankNodes(name, among)[0]?.node;

it("gives the same order to everybody, whatever order they know the nodes in", () => {
  expect(rankNodes("hello", nodes(5))).toEqual(rankNodes("hello", nodes(5).reverse()));
});

it("spreads functions evenly", () => {
  const counts = new Map<string, number>();
  for (const name of names) {
    const first = firstOf(name, nodes(5)) ?? "";
    counts.set(first, (counts.get(first) ?? 0) + 1);
  }
  for (const count of counts.values())
    expect(Math.abs(count - names.length / 5)).toBeLessThan(names.length / 20);
});

it("moves only the functions of a node that leaves", () => {
  const left = nodes(5).slice(1);
  for (const name of names) {
    const before = firstOf(name, nodes(5));
    if (before !== "node-0") expect(firstOf(name, left)).toBe(before);
  }
});

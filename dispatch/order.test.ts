import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rankNodes } from "../contracts/index.ts";
import { inOrder } from "./order.ts";

const at = (node: string, id: string) => ({ node, id });

describe("the order of instances", () => {
  it("has the n-th instance on the n-th node of the ranking, around", () => {
    const nodes = ["a", "b", "c"].map((node) => ({ node }));
    const ranked = rankNodes("fn", nodes).map(({ node }) => node);
    const instances = [at("a", "1"), at("a", "2"), at("a", "3"), at("b", "4"), at("b", "5"), at("c", "6")];
    const order = inOrder("fn", instances).map(({ node }) => node);
    expect(order.slice(0, 3)).toEqual(ranked);
    expect(order.slice(3, 5)).toEqual(ranked.filter((node) => node !== "c"));
    expect(order.slice(5)).toEqual(["a"]);
  });

  it("is the same in whatever order they became known, and leaves none out", () => {
    const places = fc.uniqueArray(fc.record({ node: fc.constantFrom("a", "b", "c", "d"), id: fc.uuid() }), {
      selector: ({ id }) => id,
    });
    fc.assert(
      fc.property(places, fc.func(fc.integer()), (instances, key) => {
        const shuffled = [...instances].sort((a, b) => Number(key(a.id)) - Number(key(b.id)));
        expect(inOrder("fn", shuffled)).toEqual(inOrder("fn", instances));
        expect(new Set(inOrder("fn", instances))).toEqual(new Set(instances));
      }),
    );
  });
});

import { expect, it } from "vitest";
import { decideStopOrder } from "./stop-order.ts";

it.each<[string, Record<string, string[]>, string[][]]>([
  ["nothing runs", {}, []],
  ["services that require none", { a: [], b: [] }, [["a", "b"]]],
  ["a chain", { base: [], middle: ["base"], top: ["middle"] }, [["top"], ["middle"], ["base"]]],
  ["two that require one", { base: [], left: ["base"], right: ["base"] }, [["left", "right"], ["base"]]],
  ["one that runs elsewhere", { top: ["absent"] }, [["top"]]],
  ["a cycle below another", { a: ["b"], b: ["a"], top: ["a"] }, [["top"], ["a", "b"]]],
])("a service ends before those that it requires: %s", (_, requires, order) => {
  expect(decideStopOrder(Object.keys(requires), (name) => requires[name] ?? [])).toEqual(order);
});

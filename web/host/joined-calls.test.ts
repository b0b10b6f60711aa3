import { expect, it } from "vitest";
import { joinCall, splitCalls } from "./joined-calls.ts";

type Call = [id: number, name: string, values: (string | undefined)[], owner: number];

function split(text: unknown): Call[] {
  const calls: Call[] = [];
  splitCalls(text, (...call) => void calls.push(call));
  return calls;
}

it("calls that leave together arrive as they were, in order", () => {
  const calls: Call[] = [
    [1, "kv.get", ["KV", "a key"], 7],
    [2, "service.fetch", ["OTHER", "", undefined, "1 2 3 \u00e9\u{1f600}\n"], 0],
    [3, "empty", [], 9],
  ];
  const text = calls.map(([id, name, values, owner]) => joinCall(id, owner, name, values)).join("");
  expect(split(text)).toEqual(calls);
});

it("a call with bytes does not leave as text", () => {
  expect(joinCall(1, 7, "kv.put", ["KV", "key", new ArrayBuffer(1)])).toBeUndefined();
});

it("a text that is none ends at its fault, and calls nothing that it does not have whole", () => {
  const good = joinCall(1, 7, "kv.get", ["KV", "key"]) ?? "";
  for (const bad of [
    "x",
    "2 7 ",
    "2 7 1 3 9 abcd",
    "2 7 -1 3 abc",
    "2 7 1e9 3 abc",
    "2 7 1 3 -2 abc",
    "2 7 1 1.5 1 ab",
  ])
    expect(split(good + bad)).toEqual([[1, "kv.get", ["KV", "key"], 7]]);
  for (const none of [undefined, 5, {}, ["1 7 0 1 a"]]) expect(split(none)).toEqual([]);
});

import { expect, it } from "vitest";
import { nearest } from "./nearest.ts";

it.each([
  ["idelSeconds", ["idleSeconds", "min"], "idleSeconds"],
  ["MODE", ["mode", "name"], "mode"],
  ["hallo", ["hello", "help"], "hello"],
  ["zzz", ["hello", "mode"], undefined],
  ["x", [], undefined],
])("finds what %s was meant to be", (word, candidates, expected) => {
  expect(nearest(word, candidates)).toBe(expected);
});

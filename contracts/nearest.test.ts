import { expect, test } from "vitest";
import { nearest } from "./nearest.ts";

test.each([
  ["mxa", ["min", "max"], "max"],
  ["helo", ["hallo", "hello"], "hello"],
  ["NMAE", ["entry", "name"], "name"],
  ["ilde", ["idleSeconds", "min"], undefined],
  ["idleSecond", ["idleSeconds", "min"], "idleSeconds"],
  ["xyz", ["hello"], undefined],
  ["anything", [], undefined],
])("of %s among %j is %s", (word, candidates, meant) => {
  expect(nearest(word, candidates)).toBe(meant);
});

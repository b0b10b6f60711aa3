import { expect, it } from "vitest";
import { z } from "zod";
import { parseJson, readJson } from "./parse-json.ts";

it.each([
  ["long", JSON.stringify("x".repeat(1024 * 1024)), "it has 1048578 characters; at most 1048576 are read"],
  ["deep", `${"[".repeat(65)}${"]".repeat(65)}`, "it is nested more than 64 deep"],
  ["deep in maps", `${'{"a":'.repeat(65)}1${"}".repeat(65)}`, "it is nested more than 64 deep"],
  ["full", JSON.stringify(Array(50_000).fill(0)), "it has more than 40000 values"],
])("refuses a text that is too %s, before it is parsed", (_what, text, message) => {
  expect(() => readJson(text)).toThrow(message);
  expect(parseJson(text, z.unknown())).toBeUndefined();
});

it("takes brackets and commas in strings for what they are", () => {
  const value = { text: `${"[{,".repeat(50_000)}\\" \\\\`, list: [1, "a,b", { c: [] }] };
  expect(readJson(JSON.stringify(value))).toEqual(value);
});

it("refuses what is no JSON", () => {
  expect(() => readJson("{")).toThrow();
  expect(parseJson('"a" "', z.unknown())).toBeUndefined();
});

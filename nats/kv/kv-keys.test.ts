import { describe, expect, it } from "vitest";
import { decodeKvKey, encodeKvKey, kvPrefixFilters } from "./kv-keys.ts";

const KEYS = [
  "plain",
  "user.1",
  "users/1",
  "a:b c",
  ".",
  "..",
  "a..b",
  "a.",
  ".a",
  "a=b",
  "=41",
  "Jürgen 🎉",
  "*",
  ">",
  "a.>",
  "$JS.API",
  "\n",
  "-",
];

describe("keys", () => {
  it.each(KEYS)("come back as they were: %j", (key) => {
    const encoded = encodeKvKey(key);
    expect(encoded).toMatch(/^[-/=\w]+(\.[-/=\w]+)*$/);
    expect(decodeKvKey(encoded)).toBe(key);
  });

  it("are different where they were", () => {
    expect(new Set(KEYS.map(encodeKvKey)).size).toBe(KEYS.length);
  });

  it("stay plain where they are", () => {
    expect(encodeKvKey("users/1.profile-a_b")).toBe("users/1.profile-a_b");
  });

  it("that only another program could have written are not decoded", () => {
    expect(["a=b", "a=2", "=2e", "a=41", "=FF"].map(decodeKvKey)).toEqual(Array(5).fill(undefined));
  });
});

describe("the filters of a prefix", () => {
  it.each([
    ["", [">"]],
    ["user", [">"]],
    ["user.", ["user.>", "user=2E"]],
    ["user.1", ["user.>"]],
    ["a.b.", ["a.b.>", "a.b=2E"]],
    ["a..", ["a.>"]],
  ])("%j", (prefix, filters) => {
    expect(kvPrefixFilters(prefix)).toEqual(filters);
  });

  it.each(KEYS)("let every key with that prefix pass: %j", (prefix) => {
    const filters = kvPrefixFilters(prefix);
    for (const key of [prefix, `${prefix}.`, `${prefix}..x`, `${prefix}x`, `${prefix}.x.y`]) {
      const encoded = encodeKvKey(key);
      const passes = filters.some((filter) =>
        filter.endsWith(">") ? encoded.startsWith(filter.slice(0, -1)) : filter === encoded,
      );
      expect({ key, passes }).toEqual({ key, passes: true });
    }
  });
});

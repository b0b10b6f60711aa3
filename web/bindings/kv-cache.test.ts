import { describe, expect, it } from "vitest";
import { KvCache, MAX_KEPT_BYTES } from "./kv-cache.ts";

const MINUTE = 60_000;

function arrived(text: string) {
  return { revision: 1, createdAt: 0, bytes: new TextEncoder().encode(text).buffer };
}

function keep(cache: KvCache, key: string, text: string | undefined, nowMs = 0) {
  return cache.end(cache.begin(key, nowMs), text === undefined ? undefined : arrived(text));
}

describe("the values that a binding keeps", () => {
  it("are found until they are as old as the read allows, counted from the begin of their own read", () => {
    const cache = new KvCache();
    keep(cache, "a", "one", 1_000);
    expect(cache.find("a", MINUTE, 60_999)?.value?.text()).toBe("one");
    expect(cache.find("a", MINUTE, 61_000)).toBeUndefined();
    expect(cache.find("a", 2 * MINUTE, 61_000)?.value?.text()).toBe("one");
    expect(cache.find("b", MINUTE, 1_000)).toBeUndefined();
  });

  it("have the absence of a value among them", () => {
    const cache = new KvCache();
    keep(cache, "a", undefined);
    expect(cache.find("a", MINUTE, 1)).toMatchObject({ value: undefined });
  });

  it("give each read bytes and data of its own", () => {
    const cache = new KvCache();
    const value = keep(cache, "a", "[1]");
    value?.bytes().fill(0);
    value?.json<number[]>().push(2);
    expect(cache.find("a", MINUTE, 1)?.value?.json()).toEqual([1]);
    expect(cache.find("a", MINUTE, 1)?.value?.text()).toBe("[1]");
  });

  it("go with a write of their key", () => {
    const cache = new KvCache();
    keep(cache, "a", "one");
    keep(cache, "b", "two");
    cache.forget("a");
    expect(cache.find("a", MINUTE, 1)).toBeUndefined();
    expect(cache.find("b", MINUTE, 1)?.value?.text()).toBe("two");
  });

  it("are none of a read that ran beside a write", () => {
    const cache = new KvCache();
    const before = cache.begin("a", 0);
    cache.forget("a");
    const beside = cache.begin("a", 0);
    expect(cache.end(before, arrived("old"))?.text()).toBe("old");
    expect(cache.find("a", MINUTE, 1)).toBeUndefined();
    cache.forget("a");
    cache.end(beside, arrived("old"));
    expect(cache.find("a", MINUTE, 1)).toBeUndefined();
    keep(cache, "a", "new");
    expect(cache.find("a", MINUTE, 1)?.value?.text()).toBe("new");
  });

  it("have a bound in bytes, and the ones that are read stay longest", () => {
    const cache = new KvCache();
    const text = "x".repeat(10_000);
    for (let index = 0; index < 200; index++) {
      keep(cache, `key-${index}`, text);
      expect(cache.find("key-0", MINUTE, 1)?.value?.text()).toBe(text);
    }
    const found = Array.from({ length: 200 }, (_, index) => cache.find(`key-${index}`, MINUTE, 1)).filter(
      Boolean,
    );
    expect(found.length).toBeGreaterThan(20);
    expect(found.length).toBeLessThan(80);
  });

  it("are no value that is too long", () => {
    const cache = new KvCache();
    const text = "x".repeat(MAX_KEPT_BYTES + 1);
    expect(keep(cache, "a", text)?.text()).toBe(text);
    expect(cache.find("a", MINUTE, 1)).toBeUndefined();
  });
});

import { inspect } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { createSourceMaps, mapStack, parseSourceMap } from "./source-maps.ts";

const MAP = Buffer.from(
  JSON.stringify({ version: 3, sources: ["lib/a.ts"], names: [], sourcesContent: [""], mappings: "AAEIA" }),
);
const STACK = "Error: x\n    at f (narun:bundle:1:1)";

describe("a stack", () => {
  const map = parseSourceMap(MAP);

  it("names the author's file, line and column, without the platform's frames", () => {
    const stack = `${STACK}\n    at serve (narun:platform:10:2)\n    at narun:platform:3:4`;
    expect(mapStack(stack, map)).toBe("Error: x\n    at f (lib/a.ts:3:5)");
  });

  it("of an error within a value loses the platform's frames, not what follows on their line", () => {
    const frame = "at w1 (narun:platform:44:26901)";
    expect(mapStack(`${STACK}\n    ${frame} {\n  code: 'E_X'\n}`, map)).toBe(
      "Error: x\n    at f (lib/a.ts:3:5) {\n  code: 'E_X'\n}",
    );
    expect(
      mapStack(`{\n  error: Error: x\n      ${frame}\n      at async ${frame.slice(3)},\n  n: 1\n}`, map),
    ).toBe("{\n  error: Error: x,\n  n: 1\n}");
    const nested = `AggregateError: all\n    ${frame} {\n  [errors]: [\n    Error: a\n        ${frame},\n    Error: b\n        ${frame}\n  ],\n  [cause]: Error: c\n      at narun:platform:3:4\n}`;
    expect(mapStack(nested, map)).toBe(
      "AggregateError: all {\n  [errors]: [\n    Error: a,\n    Error: b\n  ],\n  [cause]: Error: c\n}",
    );
  });

  it("loses them where it is quoted, in JSON and as a property", () => {
    const stack = `${STACK}\n    at serve (narun:platform:10:2)\n    at narun:platform:3:4`;
    expect(mapStack(JSON.stringify({ stack, n: 1 }), map)).toBe(
      JSON.stringify({ stack: "Error: x\n    at f (lib/a.ts:3:5)", n: 1 }),
    );
    const shown = inspect({ stack: stack.replace(": x", ": it's so"), n: 1 });
    expect(shown.split("\n")).toHaveLength(7);
    expect(mapStack(shown, map)).toBe(
      `{\n  stack: "Error: it's so\\n" +\n    '    at f (lib/a.ts:3:5)',\n  n: 1\n}`,
    );
  });

  it("is looked through in time that grows with its length alone", () => {
    const text = "\n at \\n at narun:platform:1:".repeat(50_000);
    // A look back from each line end would take minutes.
    expect(mapStack(text, map)).toBe(text);
  });

  it("does so in every line of a text, indented ones too", () => {
    const text = `  Error 1 of 2: ${STACK.replace("\n", "\n  ")}\n      at serve (narun:platform:10:2)\n  and async (narun:bundle:1:3)`;
    expect(mapStack(text, map)).toBe(
      "  Error 1 of 2: Error: x\n      at f (lib/a.ts:3:5)\n  and async (lib/a.ts:3:5)",
    );
  });

  it("stays as it is without a map, or with one that cannot be read", () => {
    expect(mapStack(STACK, undefined)).toBe(STACK);
    expect(parseSourceMap(Buffer.from("{"))).toBeUndefined();
    expect(parseSourceMap(Buffer.from("null"))).toBeUndefined();
  });
});

describe("source maps", () => {
  it("are asked for once, whoever waits, and are there from then on", async () => {
    const asked: string[] = [];
    const maps = createSourceMaps((revision) => asked.push(revision));
    const both = Promise.all([maps.map("r1", STACK), maps.load("r1")]);
    expect(maps.loaded("r1")).toBeUndefined();
    maps.provide("r1", MAP);
    const [stack, map] = await both;
    expect(stack).toContain("lib/a.ts:3:5");
    expect(maps.loaded("r1")?.map).toBe(map);
    expect(await maps.load("r1")).toBe(map);
    expect(asked).toEqual(["r1"]);
  });

  it("that cannot be had now are asked for again", async () => {
    const asked: string[] = [];
    const maps = createSourceMaps((revision) => asked.push(revision));
    const first = maps.load("r1");
    maps.provide("r1", undefined);
    expect(await first).toBeUndefined();
    void maps.load("r1");
    expect(asked).toEqual(["r1", "r1"]);
  });

  it("are waited for some seconds", async () => {
    vi.useFakeTimers();
    try {
      const maps = createSourceMaps(() => undefined);
      const stack = maps.map("r1", STACK);
      await vi.advanceTimersByTimeAsync(5_000);
      expect(await stack).toBe(STACK);
    } finally {
      vi.useRealTimers();
    }
  });

  it("that were used last stay, the others go", async () => {
    const maps = createSourceMaps(() => undefined);
    for (let n = 0; n < 20; n++) {
      maps.provide(`r${n}`, MAP);
      maps.loaded("r0");
    }
    const there = Array.from({ length: 20 }, (_, n) => n).filter((n) => maps.loaded(`r${n}`) !== undefined);
    expect(there).toEqual([0, ...Array.from({ length: 15 }, (_, n) => n + 5)]);
  });
});

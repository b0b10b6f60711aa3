/** docs/web-platform.md lists the globals of an isolate, and has the place of its scoreboard. */
import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { callJson } from "../../runtime/testing/sandbox.ts";
import { PAGE, placeScoreboard, SCOREBOARD_END, SCOREBOARD_START } from "./docs.ts";
import { readExpectations } from "./expectations.ts";

/** The globals of the Minimum Common Web API that are not part of the language. */
const MINIMUM = `
  AbortController AbortSignal Blob ByteLengthQueuingStrategy CompressionStream CountQueuingStrategy Crypto CryptoKey
  CustomEvent DecompressionStream DOMException ErrorEvent Event EventTarget File FormData Headers MessageChannel
  MessageEvent MessagePort Performance PromiseRejectionEvent ReadableByteStreamController ReadableStream
  ReadableStreamBYOBReader ReadableStreamBYOBRequest ReadableStreamDefaultController ReadableStreamDefaultReader
  Request Response SubtleCrypto TextDecoder TextDecoderStream TextEncoder TextEncoderStream TransformStream
  TransformStreamDefaultController URL URLPattern URLSearchParams WebAssembly WritableStream
  WritableStreamDefaultController WritableStreamDefaultWriter atob btoa clearInterval clearTimeout console crypto fetch
  navigator onerror onrejectionhandled onunhandledrejection performance queueMicrotask reportError self setInterval
  setTimeout structuredClone
`;

const page = readFileSync(PAGE, "utf8");

describe("docs/web-platform.md", () => {
  it("names every global of an isolate, and none that is not there", async () => {
    const own = (await callJson(
      "export default () => Response.json(Object.getOwnPropertyNames(globalThis))",
    )) as string[];
    const language = new Set(runInNewContext("Object.getOwnPropertyNames(globalThis)") as string[]);
    // V8 has these two by itself. The first is replaced, the second is completed.
    language.delete("console");
    language.delete("WebAssembly");
    const rows = page.slice(page.indexOf("## By standard"), page.indexOf("`addEventListener`")).split("\n");
    const named = rows
      .filter((row) => row.startsWith("| "))
      .flatMap((row) => [...(row.split("|")[2] ?? "").matchAll(/`(\w+)`/g)].map(([, name]) => name));
    expect(named.toSorted()).toEqual(
      own.filter((name) => !language.has(name) && !/^on[a-z]+$/.test(name)).toSorted(),
    );
  });

  it("is right about the Minimum Common Web API", async () => {
    const missing = await callJson(
      `export default () => Response.json(${JSON.stringify(MINIMUM.trim().split(/\s+/))}.filter((name) => !(name in globalThis)))`,
    );
    expect(missing).toEqual([]);
  });

  it("has a scoreboard between its markers, which a new one replaces", () => {
    expect(page.split(SCOREBOARD_START)).toHaveLength(2);
    expect(page.split(SCOREBOARD_END)).toHaveLength(2);
    const table = page.slice(page.indexOf(SCOREBOARD_START), page.indexOf(SCOREBOARD_END));
    expect(table).toMatch(/\| all +\|( +\d+ \|){8} +\d+\.\d % \|/);
    const replaced = placeScoreboard(placeScoreboard(page, []), []);
    expect(replaced).toBe(placeScoreboard(page, []));
    expect(replaced).not.toMatch(/\| url +\|/);
  });

  it("does not lose a page without markers", () => {
    expect(() => placeScoreboard("# The web platform", [])).toThrow(/markers/);
  });
});

describe("expectations.yaml", () => {
  const expectations = readExpectations();

  it("is read, with a reason for each", () => {
    for (const { reason } of expectations) expect(reason).toMatch(/\w+ \w+ \w+/);
  });
});

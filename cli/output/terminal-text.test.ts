import { describe, expect, test } from "vitest";
import { controlFreeJson, keepColours, withoutColours } from "./terminal-text.ts";

/** Control sequences, and their harmless form. */
const HARMFUL: [what: string, text: string, shown: string, plain: string][] = [
  ["a title", "\x1b]0;owned\x07x", "\\x1b]0;owned\\x07x", "x"],
  ["the clipboard", "\x1b]52;c;cm0=\x1b\\x", "\\x1b]52;c;cm0=\\x1b\\x", "x"],
  ["a link", "\x1b]8;;http://evil\x1b\\y\x1b]8;;\x1b\\", "\\x1b]8;;http://evil\\x1b\\y\\x1b]8;;\\x1b\\", "y"],
  ["a cursor that moves", "a\x1b[2A\x1b[2Kb", "a\\x1b[2A\\x1b[2Kb", "ab"],
  ["a line that is written again", "bad\rgood", "bad\\x0dgood", "bad\\x0dgood"],
  ["backspaces", "bad\b\b\bgood", "bad\\x08\\x08\\x08good", "bad\\x08\\x08\\x08good"],
  ["a reset of the terminal", "\x1bcx", "\\x1bcx", "x"],
  ["a query that the terminal types", "\x1b[6n\x1b[>q\x1bP$qm\x1b\\", "\\x1b[6n\\x1b[>q\\x1bP$qm\\x1b\\", ""],
  ["controls of eight bits", "\x9b2J\x9d0;t\x9cx", "\\x9b2J\\x9d0;t\\x9cx", "x"],
  ["a text that hides", "\x1b[8msecret\x1b[0m", "\\x1b[8msecret\x1b[0m", "secret"],
  ["one that hides behind a colour", "\x1b[38;5;1;8mx", "\\x1b[38;5;1;8mx", "x"],
  ["a sequence without an end", "\x1b]0;x", "\\x1b]0;x", "\\x1b]0;x"],
  ["a bare escape", "x\x1b", "x\\x1b", "x\\x1b"],
  ["one that a stripped one would leave", "\x1b\x1b[1m[2Jx", "\\x1b\x1b[1m[2Jx", "\\x1b[2Jx"],
];

describe("on a terminal", () => {
  test.each(HARMFUL)("%s is shown", (_what, text, shown) => expect(keepColours(text)).toBe(shown));

  test.each([
    "\x1b[32m200\x1b[0m",
    "\x1b[1;4;31mbold\x1b[22;24;39m",
    "\x1b[38;5;208mx\x1b[m",
    "\x1b[48;2;1;2;3mx\x1b[49m",
    "\x1b[97;101mx",
  ])("a colour stays: %j", (text) => expect(keepColours(text)).toBe(text));
});

describe("elsewhere", () => {
  test.each(HARMFUL)("%s is left out, or shown", (_what, text, _shown, plain) =>
    expect(withoutColours(text)).toBe(plain),
  );

  test("colours are left out", () =>
    expect(withoutColours("--> GET / \x1b[32m200\x1b[0m 3ms")).toBe("--> GET / 200 3ms"));
});

test.each([keepColours, withoutColours])("%o leaves lines, tabs and all scripts as they are", (show) => {
  const text = "one\ttwo\nthree – 日本語 مرحبا 👩‍👩‍👧 \u0301";
  expect(show(text)).toBe(text);
  expect(show("a\r\nb\x00")).toBe("a\nb\\x00");
});

test("many beginnings without an end take no time", () => {
  for (const part of ["\x9d", "\x1b]", "\x1b[", "\x1b[1;", "\x1b[1", "\x9b", "\x1bP\x1b["]) {
    const text = part.repeat(200_000);
    const startedAt = process.cpuUsage();
    keepColours(text);
    withoutColours(text);
    const { user } = process.cpuUsage(startedAt);
    // A quadratic scan would take minutes.
    expect({ part, isQuick: user < 5_000_000 }).toEqual({ part, isQuick: true });
  }
});

test("JSON stays JSON, without a control character in it", () => {
  const value = { text: "\x1b[2J\x9b2J\x7f" };
  const json = controlFreeJson(JSON.stringify(value));
  expect(json).toBe('{"text":"\\u001b[2J\\u009b2J\\u007f"}');
  expect(JSON.parse(json)).toEqual(value);
});

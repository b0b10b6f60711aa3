import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { LogLine } from "../../contracts/index.ts";
import { createLogView } from "./log-view.ts";
import { createOutput } from "./output.ts";

const wasTerminal = process.stdout.isTTY;
let written = "";
beforeEach(() => {
  written = "";
  vi.stubEnv("NO_COLOR", undefined);
  vi.stubEnv("TERM", "xterm");
  vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    written += chunk.toString();
    return true;
  });
});
afterEach(() => {
  Object.assign(process.stdout, { isTTY: wasTerminal });
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const LINE: LogLine = {
  instance_id: "i",
  app_name: "hello",
  node_id: "n",
  stream: "stdout",
  message: "hi",
  level: "info",
  timestamp: "2000-01-01T12:00:00.000Z",
};
/** The output for these lines, without the time. */
function shown(lines: Partial<LogLine>[], { isTTY = false, withNames = false } = {}): string[] {
  Object.assign(process.stdout, { isTTY });
  const view = createLogView(createOutput(), { withNames });
  for (const line of lines) view.show({ kind: "line", line: { ...LINE, ...line } });
  const time = isTTY ? `${"\x1b"}\\[2m.{23}${"\x1b"}\\[22m ` : ".{23} ";
  return written
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(new RegExp(`^${time}`), ""));
}

test("the request of each line has a column of its own", () => {
  expect(
    shown([
      { request_id: "3f2a9c1e-0000-4000-8000-000000000000" },
      { request_id: "7" },
      { request_id: "checkout-0042", level: "error" },
      { request_id: undefined, level: "warn" },
    ]),
  ).toEqual(["info  3f2a9c1e hi", "info  7        hi", "error …ut-0042 hi", "warn  -        hi"]);
});

test("lines of several functions are aligned as soon as their names are known", () => {
  expect(
    shown([{ app_name: "longest" }, { app_name: "hello" }, { app_name: "x".repeat(63) }, {}], {
      withNames: true,
    }),
  ).toEqual([
    "longest info  -        hi",
    "hello   info  -        hi",
    `${"x".repeat(63)} info  -        hi`,
    `${"hello".padEnd(24)} info  -        hi`,
  ]);
});

test("on a terminal the request is dimmed, and a function's colour ends with its line", () => {
  expect(shown([{ message: "\x1b[41mred", request_id: "7" }], { isTTY: true })).toEqual([
    "info  \x1b[2m7       \x1b[22m \x1b[41mred\x1b[0m",
  ]);
});

test("a function does not control the terminal", () => {
  const hostile = { message: "a\x1b[2Jb\x1b]0;t\x07\rc", app_name: "h\x1b[2J", request_id: "\x1b[2J" };
  expect(shown([hostile], { isTTY: true, withNames: true })).toEqual([
    "\x1b[1mh\\x1b[2J\x1b[22m info  \x1b[2m\\x1b[2J    \x1b[22m a\\x1b[2Jb\\x1b]0;t\\x07\\x0dc\x1b[0m",
  ]);
  written = "";
  expect(shown([{ message: "--> GET / \x1b[32m200\x1b[0m 3ms" }])).toEqual([
    "info  -        --> GET / 200 3ms",
  ]);
});

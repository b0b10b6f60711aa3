import { expect, test, vi } from "vitest";
import { NarunError } from "../../contracts/index.ts";
import { createOutput } from "./output.ts";
import { describeFailure, exitCodeOf, failureOf, reportError } from "./report-error.ts";

function reported(error: unknown, isJson = false): string {
  let text = "";
  const spy = vi.spyOn(process.stderr, "write").mockImplementation((chunk) => {
    text += chunk.toString();
    return true;
  });
  reportError(error, { output: createOutput({ json: isJson }), help: "narun ls --help" });
  spy.mockRestore();
  return text;
}

test("a known error is one line: what, why, how to fix", () => {
  expect(reported(new NarunError("NATS_TOO_OLD", { detail: "found 2.9.0" }))).toBe(
    "narun: nats-server is too old: found 2.9.0. Use nats-server 2.14 or newer.\n",
  );
  expect(reported(new NarunError("FUNCTION_NOT_FOUND", { detail: 'helo; did you mean "hello"?' }))).toBe(
    'narun: No function has this name: helo; did you mean "hello"? See `narun ls`.\n',
  );
  expect(reported(new NarunError("USAGE", { detail: "no" }))).toMatch(/ See `narun ls --help`\.\n$/);
});

test("what has several lines of its own gets the advice below them", () => {
  expect(reported(new NarunError("BUILD_FAILED", { detail: "a.ts:1:1: oh\n  1 | x" }))).toBe(
    "narun: The function does not build: a.ts:1:1: oh\n  1 | x\nCorrect the named place in the source.\n",
  );
});

test("an author's stack is shown, its first line once", () => {
  const error = new NarunError("TRIAL_FAILED", {
    detail: "Error: no",
    stack: "Error: no\n    at index.ts:1:7",
  });
  expect(describeFailure(error)).toBe(`${error.message}\n    at index.ts:1:7`);
  const other = new NarunError("TRIAL_FAILED", { detail: "x", stack: "Error: no\n    at index.ts:1:7" });
  expect(describeFailure(other)).toBe(`${other.message}\nError: no\n    at index.ts:1:7`);
});

test("a fault of a definition is told once, with the author's lines alone", () => {
  const stack = `ServiceFault: no schema
    at refuse (narun/grpc/service-actions.ts:64:11)
    at index.ts:2:16`;
  const fault = new NarunError("TRIAL_FAILED", { detail: "no schema", stack });
  expect(describeFailure(fault)).toMatch(/^.*: no schema\n {4}at index\.ts:2:16$/);
});

test("where narun itself is at fault its stack is shown", () => {
  expect(reported(new TypeError("a fault"))).toMatch(
    /^narun failed: TypeError: a fault\n +at .*report-error/,
  );
});

test("scripts get code, message and advice", () => {
  const error = new NarunError("NATS_UNREACHABLE", { detail: "refused" });
  expect(JSON.parse(reported(error, true))).toEqual({ error: failureOf(error) });
  expect(failureOf(error)).toMatchObject({ code: "NATS_UNREACHABLE", solve: expect.any(String) });
  expect(failureOf(new Error("a fault"))).toEqual({ code: "INTERNAL", message: "a fault" });
});

test("usage exits 2, everything else 1", () => {
  expect([new NarunError("USAGE"), new NarunError("INTERNAL"), new Error("x")].map(exitCodeOf)).toEqual([
    2, 1, 1,
  ]);
});

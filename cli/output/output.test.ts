import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createOutput, type OutputOptions } from "./output.ts";

const wasTerminal = { stdout: process.stdout.isTTY, stderr: process.stderr.isTTY };
let written: { out: string; err: string };
beforeEach(() => {
  written = { out: "", err: "" };
  vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    written.out += chunk.toString();
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((chunk) => {
    written.err += chunk.toString();
    return true;
  });
});
afterEach(() => {
  Object.assign(process.stdout, { isTTY: wasTerminal.stdout });
  Object.assign(process.stderr, { isTTY: wasTerminal.stderr });
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** An output whose two streams are terminals or pipes. */
function outputOn(terminals: { stdout: boolean; stderr: boolean }, options: OutputOptions = {}) {
  Object.assign(process.stdout, { isTTY: terminals.stdout });
  Object.assign(process.stderr, { isTTY: terminals.stderr });
  return createOutput(options);
}
const TERMINAL = { stdout: true, stderr: true };
const PIPES = { stdout: false, stderr: false };

describe("colours", () => {
  test("are for terminals", () => {
    expect(outputOn(TERMINAL).colours.red("x")).toBe("\x1b[31mx\x1b[39m");
    expect(outputOn(PIPES).colours.red("x")).toBe("x");
  });

  test("are off on request", () => {
    expect(outputOn(TERMINAL, { hasColours: false }).colours.red("x")).toBe("x");
  });

  test("do not reach a standard error that is a file", () => {
    const output = outputOn({ stdout: true, stderr: false });
    output.note(output.colours.dim("a remark"));
    output.error(output.colours.red("an error"));
    expect(written.err).toBe("a remark\nan error\n");
  });
});

test("remarks are silent with --quiet and --json, errors never", () => {
  for (const options of [{ quiet: true }, { json: true }]) {
    const output = outputOn(PIPES, options);
    output.note("a remark");
    output.error("an error");
  }
  expect(written).toEqual({ out: "", err: "an error\nan error\n" });
});

test("bytes are written as they are; on a terminal the prompt begins on a line of its own", () => {
  outputOn(PIPES).bytes(Buffer.from("body"));
  expect(written.out).toBe("body");
  outputOn(TERMINAL).bytes(Buffer.from("body"));
  outputOn(TERMINAL).bytes(Buffer.from("line\n"));
  expect(written.out).toBe("bodybody\nline\n");
});

describe("progress", () => {
  beforeEach(() => void vi.useFakeTimers());

  test("turns on a terminal after a while, and takes itself away", () => {
    const progress = outputOn(TERMINAL).progress("fetching");
    vi.advanceTimersByTime(299);
    expect(written.err).toBe("");
    vi.advanceTimersByTime(1);
    expect(written.err).toContain("fetching");
    progress.update("unpacking");
    expect(written.err).toContain("unpacking");
    progress.end();
    expect(written.err.endsWith("\r\x1b[2K\x1b[?25h")).toBe(true);
    const { length } = written.err;
    vi.advanceTimersByTime(10_000);
    expect(written.err.length).toBe(length);
    expect(written.out).toBe("");
  });

  test("is shown once for a wait within a wait", () => {
    const output = outputOn(TERMINAL);
    const outer = output.progress("pushing");
    const inner = output.progress("waiting");
    vi.advanceTimersByTime(5_000);
    inner.end();
    expect(written.err).not.toContain("waiting");
    outer.end();
    outer.end();
    output.progress("later");
    vi.advanceTimersByTime(300);
    expect(written.err).toContain("later");
  });

  test("is not shown for what is quick, in pipes, or with --quiet and --json", () => {
    const quick = outputOn(TERMINAL).progress("quick");
    vi.advanceTimersByTime(100);
    quick.end();
    for (const output of [
      outputOn(PIPES),
      outputOn(TERMINAL, { quiet: true }),
      outputOn(TERMINAL, { json: true }),
    ]) {
      const progress = output.progress("slow");
      vi.advanceTimersByTime(5_000);
      progress.end();
    }
    expect(written).toEqual({ out: "", err: "" });
  });
});

test("a table of --quiet has no head", () => {
  outputOn(PIPES, { quiet: true }).table([{ title: "NAME", value: (row: string) => row }], ["hello"]);
  expect(written.out).toBe("hello\n");
});

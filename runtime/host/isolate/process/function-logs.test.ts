import { describe, expect, it, vi } from "vitest";
import { FunctionConfigSchema, type LogLine } from "../../../../contracts/index.ts";
import { createFunctionLog, splitLine } from "./function-logs.ts";
import { createLogBudget } from "./log-budget.ts";
import { createSourceMaps } from "./source-maps.ts";

const MAP = Buffer.from(
  JSON.stringify({ version: 3, sources: ["lib/a.ts"], names: [], sourcesContent: [""], mappings: "AAEIA" }),
);

function open(logBytesPerSecond = 1_048_576) {
  const published: LogLine[] = [];
  const sourceMaps = createSourceMaps(() => undefined);
  const config = FunctionConfigSchema.parse({ name: "hello", routes: [], limits: { logBytesPerSecond } });
  const log = createFunctionLog({
    nats: { world: { id: "w" }, publish: (_subject, data) => void published.push(JSON.parse(String(data))) },
    node: "n1",
    instance: "i1",
    revision: "r1",
    config,
    sourceMaps,
  });
  return { log, published, sourceMaps, messages: () => published.map(({ message }) => message) };
}

describe("a log", () => {
  it("has level, stream, request and time of each line", () => {
    const { log, published } = open();
    log.write("warn", "careful", "q1");
    log.write("no level", "text", undefined);
    log.close();
    expect(published).toEqual([
      expect.objectContaining({ level: "warn", stream: "stderr", message: "careful", request_id: "q1" }),
      expect.objectContaining({ level: "info", stream: "stdout", message: "text", app_name: "hello" }),
    ]);
    expect(published[1]).not.toHaveProperty("request_id");
  });

  it("keeps the order while a stack waits for its map, and the times of what waits", async () => {
    vi.useFakeTimers({ now: 1_000 });
    try {
      const { log, published, sourceMaps, messages } = open();
      log.write("info", "one", undefined);
      log.write("error", "two at narun:bundle:1:1", undefined);
      log.write("info", "three", undefined);
      expect(messages()).toEqual(["one"]);
      vi.setSystemTime(2_000);
      sourceMaps.provide("r1", MAP);
      await vi.advanceTimersByTimeAsync(0);
      log.write("info", "four at narun:bundle:1:1", undefined);
      log.write("info", "five", undefined);
      expect(messages()).toEqual(["one", "two at lib/a.ts:3:5", "three", "four at lib/a.ts:3:5", "five"]);
      expect(published.map(({ timestamp }) => Date.parse(timestamp))).toEqual([
        1_000, 1_000, 1_000, 2_000, 2_000,
      ]);
      log.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it("leaves out the platform's frames, though no place of the bundle is in the text", () => {
    const { log, messages } = open();
    log.write("error", "Error: x\n    at fire (narun:platform:1:2)", undefined);
    expect(messages()).toEqual(["Error: x"]);
  });

  it("drops what is over the limit, and says how much, and of which limit", async () => {
    vi.useFakeTimers({ now: 1_000 });
    try {
      const { log, messages } = open(10_240);
      for (let n = 0; n < 100; n++) log.write("info", `line ${n}`.padEnd(256, " "), undefined);
      expect(messages()).toHaveLength(40);
      log.dropped(5);
      log.dropped("many");
      log.say("CPU_LIMIT: told all the same", undefined);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(messages().slice(40)).toEqual([
        "CPU_LIMIT: told all the same",
        "LOG_LIMIT: 65 log lines of 15360 bytes or more were dropped: more than limits.logBytesPerSecond (10240 bytes)",
      ]);
      log.write("info", "again", undefined);
      expect(messages().at(-1)).toBe("again");
      for (let n = 0; n < 100; n++) log.write("info", "x".repeat(1_000), undefined);
      const kept = messages().length;
      log.close();
      expect(messages().slice(kept)).toEqual([
        expect.stringMatching(/^LOG_LIMIT: \d+ log lines of \d+ bytes were dropped/),
      ]);
      await vi.advanceTimersByTimeAsync(5_000);
      expect(messages()).toHaveLength(kept + 1);
    } finally {
      vi.useRealTimers();
    }
  });

  it("splits long lines, and cuts endless ones", () => {
    const { log, messages } = open();
    log.write("info", "x".repeat(100_000), undefined);
    expect(messages()).toEqual([`${"x".repeat(65_536)}…`, "x".repeat(34_464)]);
    log.say("y".repeat(2_000_000), undefined);
    expect(messages().slice(2).join("").replaceAll("…", "")).toBe("y".repeat(1_048_576));
    log.close();
  });
});

describe("a line", () => {
  it("is split by bytes, never within a character, and loses nothing", () => {
    const text = "aé€😀".repeat(50);
    const pieces = splitLine(text, 64);
    expect(pieces.every((piece) => Buffer.byteLength(piece.replace(/…$/, "")) <= 64)).toBe(true);
    expect(
      pieces.map((piece, index) => (index < pieces.length - 1 ? piece.slice(0, -1) : piece)).join(""),
    ).toBe(text);
    expect(splitLine("short", 64)).toEqual(["short"]);
  });
});

describe("the budget", () => {
  it("fills with time, up to two seconds' worth, and lets a line pass that is larger than that", () => {
    let now = 0;
    const budget = createLogBudget(100, () => now);
    expect([budget.take(150), budget.take(50), budget.take(1)]).toEqual([true, true, false]);
    now = 500;
    expect([budget.take(51), budget.take(50)]).toEqual([false, true]);
    now = 60_000;
    expect([budget.take(1_000), budget.take(1)]).toEqual([true, false]);
    now = 60_000 + 9_600;
    expect(budget.take(160)).toBe(true);
    // A clock that is set back takes nothing away.
    now = 0;
    expect(budget.take(1)).toBe(false);
  });
});

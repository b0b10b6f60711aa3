import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { createLog, logConnection } from "./log.ts";

test("the option counts before the environment, and that before the default", () => {
  vi.stubEnv("NARUN_LOG_LEVEL", undefined);
  expect(createLog(undefined, "warn").level).toBe("warn");
  vi.stubEnv("NARUN_LOG_LEVEL", "error");
  expect(createLog(undefined, "warn").level).toBe("error");
  expect(createLog("debug", "warn").level).toBe("debug");
  vi.unstubAllEnvs();
});

test("a level that there is not is a wrong use, and the nearest is named", () => {
  expect(() => createLog("inof", "warn")).toThrow(/no log level "inof"; did you mean "info"\?/);
  expect(() => createLog("loud", "warn")).toThrow(
    /it is one of trace, debug, info, warn, error, fatal, silent/,
  );
});

test("what a message's handler threw is logged with its subject and stack", () => {
  const lines: string[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(line) });
  logConnection(log).onHandlerError?.(new TypeError("a fault"), "narun.demand.n1");
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    {
      level: 50,
      subject: "narun.demand.n1",
      err: { type: "TypeError", message: "a fault", stack: expect.stringContaining("log.test") },
    },
  ]);
});

import { pino } from "pino";
import { expect, test } from "vitest";
import { logConnection } from "./log.ts";

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

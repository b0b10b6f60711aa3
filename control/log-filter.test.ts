import { describe, expect, it } from "vitest";
import type { LogLine, StatusEvent } from "../contracts/index.ts";
import type { HistoryEntry } from "../nats/index.ts";
import { describeStatus, type LogFilter, matchesFilter } from "./log-filter.ts";

const line = (more: Partial<LogLine>): HistoryEntry => ({
  kind: "line",
  line: {
    instance_id: "web-0",
    app_name: "web",
    node_id: "n1",
    stream: "stdout",
    message: "hello world",
    timestamp: "2026-01-01T00:00:00Z",
    ...more,
  },
});
const event = (more: Partial<StatusEvent>): StatusEvent => ({
  instance_id: "web-0",
  node_id: "n1",
  status: "running",
  time: "2026-01-01T00:00:00Z",
  ...more,
});

describe("a filter of a log", () => {
  it.each<[string, HistoryEntry, LogFilter, boolean]>([
    ["nothing", line({}), {}, true],
    ["a text", line({}), { grep: /w.rld/ }, true],
    ["another text", line({}), { grep: /moon/ }, false],
    ["a graver level", line({ level: "error" }), { level: "warn" }, true],
    ["a lesser level", line({ level: "debug" }), { level: "info" }, false],
    ["the level of a stream", line({ stream: "stderr" }), { level: "error" }, true],
    ["the level of the other stream", line({}), { level: "warn" }, false],
    ["the beginning of an instance", line({}), { instance: "web" }, true],
    ["another instance", line({}), { instance: "web-1" }, false],
    ["a trace", line({ trace_id: "0af7651916cd43dd8448eb211c80319c" }), { trace: "0AF7" }, true],
    ["a line without a trace", line({}), { trace: "0af7" }, false],
    ["all of several", line({ level: "warn" }), { grep: /hello/, level: "error" }, false],
    [
      "a crash by its level",
      { kind: "status", app: "web", event: event({ status: "crashed" }) },
      { level: "error" },
      true,
    ],
    ["a start by its level", { kind: "status", app: "web", event: event({}) }, { level: "warn" }, false],
    [
      "a status by its text",
      { kind: "status", app: "web", event: event({ error: "signal: killed" }) },
      { grep: /killed/ },
      true,
    ],
  ])("with %s", (_what, entry, filter, isShown) => {
    expect(matchesFilter(entry, filter)).toBe(isShown);
  });

  it.each([
    [event({ pid: 12 }), "running, pid 12"],
    [event({ status: "crashed", exit_code: 3 }), "crashed, exit code 3"],
    [event({ status: "stopped", exit_code: 0, error: "" }), "stopped, exit code 0"],
    [
      event({ status: "crashed", exit_code: -1, error: "signal: killed" }),
      "crashed, ended by a signal: signal: killed",
    ],
    [event({ status: "starting", error: "Restarting (1/5)" }), "starting: Restarting (1/5)"],
  ])("shows a status event for people", (status, text) => {
    expect(describeStatus(status)).toBe(text);
  });
});

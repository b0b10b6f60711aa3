import { format } from "node-inspect-extracted";
import { PostOp } from "./boundary.ts";
import { postToHost } from "./host-link.ts";
import { currentOwner } from "./owner.ts";

// What one entry into the isolate may print: the host's memory would hold all of a loop that never pauses.
const MAX_LINES = 1_000;
const MAX_LENGTH = 1024 * 1024;
let lines = 0;
let length = 0;
let dropped = 0;

/** A new entry begins: it may print again. What the last one printed beyond its bound is counted in a line of its own. */
export function refillLogBudget(): void {
  if (dropped > 0)
    postToHost(PostOp.log, "warn", `${dropped} log lines dropped: too many without a pause`, 0);
  lines = 0;
  length = 0;
  dropped = 0;
}

/** Logs one line, within the bound of what an entry may print. `format` is not called for what is dropped. */
export function logLine(level: string, format: () => string): void {
  const isOver = lines >= MAX_LINES || length >= MAX_LENGTH;
  const text = isOver ? "" : format().slice(0, MAX_LENGTH);
  lines += 1;
  length += text.length;
  if (isOver) dropped += 1;
  else postToHost(PostOp.log, level, text, currentOwner());
}

const writer =
  (level: string) =>
  (...values: unknown[]) =>
    logLine(level, () => format(...values));

/** `console`: one log line a call, formatted as Node does it. */
export const console = {
  debug: writer("debug"),
  log: writer("info"),
  info: writer("info"),
  warn: writer("warn"),
  error: writer("error"),
};

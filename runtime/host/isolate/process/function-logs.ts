import { LOG_LEVELS, type LogLevel, type LogLine, subjects } from "../../../../contracts/index.ts";
import type { Nats } from "../../../../nats/index.ts";

/** The log of one instance: what it prints, and what is said of it. */
export interface FunctionLog {
  write(level: unknown, text: unknown, requestId: string | undefined): void;
}

/** The most bytes of text in one line of the log; a longer one is split, each piece but the last marked with `…`. */
const MAX_LINE_BYTES = 64 * 1024;

export interface FunctionLogOptions {
  nats: Nats;
  node: string;
  function: string;
  instance: string;
  revision: string;
}

/** Publishes log lines on `logs.<function>.<node>` (docs/wire.md). */
export function createFunctionLog({
  nats,
  node,
  instance,
  revision,
  ...names
}: FunctionLogOptions): FunctionLog {
  const subject = subjects.log(names.function, node);
  return {
    write(level, text, requestId) {
      const known: LogLevel = LOG_LEVELS.find((candidate) => candidate === level) ?? "info";
      for (const message of splitLine(String(text))) {
        const line: LogLine = {
          instance_id: instance,
          app_name: names.function,
          node_id: node,
          stream: known === "error" || known === "warn" ? "stderr" : "stdout",
          message,
          timestamp: new Date().toISOString(),
          level: known,
          revision,
          ...(requestId === undefined ? {} : { request_id: requestId }),
        };
        nats.publish(subject, JSON.stringify(line));
      }
    },
  };
}

/** Splits by UTF-8 size, never within a character. */
export function splitLine(text: string, maxBytes = MAX_LINE_BYTES): string[] {
  if (text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes) return [text];
  const bytes = Buffer.from(text);
  const pieces: string[] = [];
  let start = 0;
  while (start < bytes.length) {
    let end = Math.min(bytes.length, start + maxBytes);
    // A continuation byte of UTF-8 (10xxxxxx) cannot begin a piece.
    while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
    pieces.push(bytes.toString("utf8", start, end) + (end < bytes.length ? "…" : ""));
    start = end;
  }
  return pieces;
}

/**
 * The log of one instance: what it prints, and what is said of it.
 *
 * I1  Lines are published in the order in which they were written, with the time at which they were: one whose places
 *     wait for the source map holds back those behind it.
 * I2  No line is lost within `limits.logBytesPerSecond`; those beyond are counted, and the count is told every second
 *     and at the end.
 * I3  What waits is bounded: it has passed the limit, and the source map comes within seconds or not at all.
 */
import type { SourceMap } from "node:module";
import {
  type FunctionConfig,
  LOG_LEVELS,
  type LogLevel,
  type LogLine,
  subjects,
} from "../../contracts/index.ts";
import type { Nats } from "../../nats/index.ts";
import { createLogBudget } from "./log-budget.ts";
import { BUNDLE_FILE, mapStack, type SourceMaps } from "./source-maps.ts";

export interface FunctionLog {
  /** What the function prints or provokes: user input, under the limit. Stacks in it get the author's places. */
  write(level: unknown, text: unknown, requestId: string | undefined): void;
  /** What has to be known whatever the function prints: why it does not run any more. */
  say(text: string, requestId: string | undefined): void;
  /** The isolate has held back so many lines itself: user input. */
  dropped(count: unknown): void;
  /** The instance ends: what is still to be told is. */
  close(): void;
}

/** The most bytes of text in one line of the log; a longer one is split, each piece but the last marked with `…`. */
const MAX_LINE_BYTES = 64 * 1024;

/** The most characters of a text: what is beyond is cut, and marked. */
const MAX_TEXT_LENGTH = 1024 * 1024;

/** What a line has besides its text, about. */
const LINE_OVERHEAD_BYTES = 256;

const NOTICE_MS = 1_000;

/** A place in the bundle or in the platform: the one is mapped, the other left out. */
const OWN_PLACE = /narun:(?:bundle|platform):/;

export interface FunctionLogOptions {
  nats: Pick<Nats, "publish"> & { world: Pick<Nats["world"], "id"> };
  node: string;
  config: Pick<FunctionConfig, "name" | "limits">;
  instance: string;
  revision: string;
  sourceMaps: Pick<SourceMaps, "loaded" | "load">;
}

interface Written {
  level: LogLevel;
  text: string;
  requestId: string | undefined;
  at: Date;
}

/** Publishes log lines on `logs.<function>.<node>` (docs/wire.md). */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export function createFunctionLog(options: FunctionLogOptions): FunctionLog {
  const { nats, node, instance, revision, config, sourceMaps } = options;
  const { logBytesPerSecond } = config.limits;
  const subject = subjects.log(config.name, node);
  const budget = createLogBudget(logBytesPerSecond);
  const waiting: Written[] = [];
  let droppedLines = 0;
  let droppedBytes = 0;
  /** The isolate has held back others, of which it told the number only. */
  let hasUnmeasured = false;
  let notice: NodeJS.Timeout | undefined;

  const publish = ({ level, text, requestId, at }: Written) => {
    for (const message of splitLine(text)) {
      const line: LogLine = {
        instance_id: instance,
        app_name: config.name,
        node_id: node,
        stream: level === "error" || level === "warn" ? "stderr" : "stdout",
        message,
        timestamp: at.toISOString(),
        level,
        revision,
        world: nats.world.id,
        ...(requestId === undefined ? {} : { request_id: requestId }),
      };
      nats.publish(subject, JSON.stringify(line));
    }
  };
  const publishMapped = (line: Written, map: SourceMap | undefined) =>
    publish(OWN_PLACE.test(line.text) ? { ...line, text: mapStack(line.text, map) } : line);
  const publishWaiting = async () => {
    const map = await sourceMaps.load(revision);
    for (const line of waiting.splice(0)) publishMapped(line, map);
  };
  const append = (line: Written) => {
    const here = line.text.includes(BUNDLE_FILE) ? sourceMaps.loaded(revision) : { map: undefined };
    if (waiting.length === 0 && here !== undefined) return publishMapped(line, here.map);
    waiting.push(line);
    if (waiting.length === 1) void publishWaiting();
  };
  const tellDropped = () => {
    clearTimeout(notice);
    notice = undefined;
    if (droppedLines === 0) return;
    const limit = `more than limits.logBytesPerSecond (${logBytesPerSecond} bytes)`;
    const lines = `${droppedLines} log ${droppedLines === 1 ? "line" : "lines"}`;
    const bytes = `${droppedBytes} bytes${hasUnmeasured ? " or more" : ""}`;
    const text = `LOG_LIMIT: ${lines} of ${bytes} ${droppedLines === 1 ? "was" : "were"} dropped: ${limit}`;
    droppedLines = 0;
    droppedBytes = 0;
    hasUnmeasured = false;
    append({ level: "warn", text, requestId: undefined, at: new Date() });
  };
  const drop = (lines: number, bytes: number | undefined) => {
    droppedLines += lines;
    droppedBytes += bytes ?? 0;
    hasUnmeasured ||= bytes === undefined;
    notice ??= setTimeout(tellDropped, NOTICE_MS);
  };

  return {
    write(level, text, requestId) {
      const known = LOG_LEVELS.find((candidate) => candidate === level) ?? "info";
      const own = cut(String(text));
      const bytes = Buffer.byteLength(own);
      if (!budget.take(bytes + LINE_OVERHEAD_BYTES)) return drop(1, bytes);
      append({ level: known, text: own, requestId, at: new Date() });
    },
    say: (text, requestId) => append({ level: "error", text: cut(text), requestId, at: new Date() }),
    dropped(count) {
      if (typeof count === "number" && count > 0 && Number.isSafeInteger(count)) drop(count, undefined);
    },
    close: tellDropped,
  };
}

function cut(text: string): string {
  return text.length <= MAX_TEXT_LENGTH ? text : `${text.slice(0, MAX_TEXT_LENGTH)}…`;
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

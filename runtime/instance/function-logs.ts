/**
 * The log of one instance: the lines that the function prints, and the lines that narun writes about it.
 *
 * I1  Lines are published in the order in which they were written, each with its time. A line that waits for its source map
 *     holds back the lines behind it.
 * I2  No line is lost within `limits.logBytesPerSecond`. The lines beyond are counted (dropped-lines.ts).
 * I3  The lines that wait are bounded: they passed the limit, and the source map comes within seconds or not at all.
 */
import type { SourceMap } from "node:module";
import {
  type FunctionConfig,
  LOG_LEVELS,
  type LogLevel,
  type LogLine,
  NarunError,
  subjects,
} from "../../contracts/index.ts";
import type { Nats } from "../../nats/index.ts";
import { createDroppedLines, describeDropped } from "./dropped-lines.ts";
import { createLogBudget } from "./log-budget.ts";
import { createSealedLines, type LineSealer, type LineSink } from "./sealed-lines.ts";
import { BUNDLE_FILE, mapStack, OWN_PLACE, type SourceMaps } from "./source-maps.ts";
import { within } from "./within.ts";

export interface FunctionLog {
  /** Writes a text that the function printed or caused: user input, under the limit. Its stacks are mapped. */
  write(level: unknown, text: unknown, requestId: string | undefined, stream?: LogLine["stream"]): void;
  /** Writes a line that no limit drops: the reason why the function does not run any more. */
  say(text: string, requestId: string | undefined): void;
  /** The sandbox dropped so many lines itself: user input. */
  dropped(count: unknown): void;
  /** The instance ends: the count of dropped lines is written. Resolves when all lines have left, or could not in time. */
  close(): Promise<void>;
}

/** Upper bound of the text of one line in bytes. A longer text is split; each piece but the last ends with `…`. */
const MAX_LINE_BYTES = 64 * 1024;

/** Upper bound of a text in characters. The rest is cut, and marked. */
const MAX_TEXT_LENGTH = 1024 * 1024;

/** The size of a line without its text, about. */
const LINE_OVERHEAD_BYTES = 256;

/** How long the last lines may wait for their source map. */
const CLOSE_MS = 2_000;

const NO_MAPS: Pick<SourceMaps, "loaded" | "load"> = {
  loaded: () => ({ map: undefined }),
  load: async () => undefined,
};

export interface FunctionLogOptions {
  nats: Pick<Nats, "publish"> & { world: Pick<Nats["world"], "id"> };
  node: string;
  config: Pick<FunctionConfig, "name" | "limits" | "logs">;
  instance: string;
  revision: string;
  /** Default: the code has none. */
  sourceMaps?: Pick<SourceMaps, "loaded" | "load"> | undefined;
  /** Seals the lines, where the function's log is sealed. */
  sealer?: LineSealer | undefined;
  /** The trace that a request belongs to. Default: none. */
  traceIdOf?(requestId: string): string | undefined;
}

interface Written {
  level: LogLevel;
  text: string;
  requestId: string | undefined;
  at: Date;
  /** Default: by the level. */
  stream?: LogLine["stream"] | undefined;
}

/** Publishes log lines on `logs.<function>.<node>` (docs/wire.md). Error: KEYS_MISSING, where they have to be sealed. */
export function createFunctionLog(options: FunctionLogOptions): FunctionLog {
  const { logBytesPerSecond } = options.config.limits;
  const budget = createLogBudget(logBytesPerSecond);
  const out = openLines(options);
  const { append, mapped } = createAppender(options, out);
  const dropped = createDroppedLines((count) => {
    const limit = `more than limits.logBytesPerSecond (${logBytesPerSecond} bytes)`;
    const text = `LOG_LIMIT: ${describeDropped(count)}: ${limit}`;
    append({ level: "warn", text, requestId: undefined, at: new Date() });
  });
  return {
    write(level, text, requestId, stream) {
      const known = LOG_LEVELS.find((candidate) => candidate === level) ?? "info";
      const own = cut(String(text));
      const bytes = Buffer.byteLength(own);
      if (!budget.take(bytes + LINE_OVERHEAD_BYTES)) return dropped.add(1, bytes);
      append({ level: known, text: own, requestId, at: new Date(), stream });
    },
    say: (text, requestId) => append({ level: "error", text: cut(text), requestId, at: new Date() }),
    dropped(count) {
      if (typeof count === "number" && count > 0 && Number.isSafeInteger(count))
        dropped.add(count, undefined);
    },
    async close() {
      dropped.tell();
      await within(CLOSE_MS, mapped());
      await out.close();
    },
  };
}

/** The way of lines to NATS: in clear, or sealed. */
function openLines({ nats, node, config, sealer }: FunctionLogOptions): LineSink {
  const publish = (line: LogLine) => nats.publish(subjects.log(config.name, node), JSON.stringify(line));
  if (config.logs === undefined) return { put: publish, close: async () => undefined };
  const { seal: label } = config.logs;
  if (sealer === undefined)
    throw new NarunError("KEYS_MISSING", { detail: `the log of ${config.name}`, label });
  return createSealedLines({ label, sealer, publish });
}

/** Puts lines in order (I1), each as soon as its places can be mapped. `mapped` resolves when none waits. */
function createAppender(
  options: FunctionLogOptions,
  out: LineSink,
): { append(line: Written): void; mapped(): Promise<void> } {
  const { revision, sourceMaps = NO_MAPS } = options;
  const waiting: Written[] = [];
  let mapping = Promise.resolve();
  const putMapped = (line: Written, map: SourceMap | undefined) =>
    put(OWN_PLACE.test(line.text) ? { ...line, text: mapStack(line.text, map) } : line, options, out);
  const putWaiting = async () => {
    const map = await sourceMaps.load(revision);
    for (const line of waiting.splice(0)) putMapped(line, map);
  };
  const append = (line: Written) => {
    const loaded = line.text.includes(BUNDLE_FILE) ? sourceMaps.loaded(revision) : { map: undefined };
    if (waiting.length === 0 && loaded !== undefined) return putMapped(line, loaded.map);
    waiting.push(line);
    if (waiting.length === 1) mapping = putWaiting();
  };
  return { append, mapped: () => mapping };
}

function put(
  { level, text, requestId, at, stream }: Written,
  { nats, node, instance, revision, config, traceIdOf }: FunctionLogOptions,
  out: LineSink,
): void {
  const traceId = requestId === undefined ? undefined : traceIdOf?.(requestId);
  for (const message of splitLine(text)) {
    const line: LogLine = {
      instance_id: instance,
      app_name: config.name,
      node_id: node,
      stream: stream ?? (level === "error" || level === "warn" ? "stderr" : "stdout"),
      message,
      timestamp: at.toISOString(),
      level,
      revision,
      world: nats.world.id,
      ...(requestId === undefined ? {} : { request_id: requestId }),
      ...(traceId === undefined ? {} : { trace_id: traceId }),
    };
    out.put(line);
  }
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

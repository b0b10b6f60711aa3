/**
 * The Console standard: each call is one log line, with a level, of the request on whose behalf it runs.
 *
 * I1  Counters and timers are the instance's, as the standard has them one for each global object. Groups are the
 *     request's: an indentation must not leak into what others print.
 * I2  V8's own console hears of calls only while the isolate can be debugged: it shows them to the debugger, and
 *     converts values a second time.
 */
import { elapsedMs } from "../dom/clock.ts";
import { currentOwner } from "../start/owner.ts";
import { toSequence } from "../webidl/webidl.ts";
import { formatValues, inspect } from "./format.ts";
import { orReason } from "./library-hooks.ts";
import { logLine } from "./log-line.ts";
import { formatTable } from "./table.ts";

const INDENT = "  ";

/** More groups than anybody reads; requests whose groups are still open after so many others are forgotten. */
const MAX_DEPTH = 50;
const MAX_OWNERS = 1_000;

const counts = new Map<string, number>();
const startTimes = new Map<string, number>();
const depths = new Map<number, number>();

const captureStackTrace = Error.captureStackTrace;

function print(level: string, text: () => string): void {
  logLine(level, () => {
    const depth = depths.get(currentOwner());
    if (depth === undefined) return orReason(text);
    const indent = INDENT.repeat(depth);
    return indent + orReason(text).replaceAll("\n", `\n${indent}`);
  });
}

const writer =
  (level: string) =>
  (...data: unknown[]): void =>
    print(level, () => formatValues(data));

function openGroup(data: unknown[]): void {
  if (data.length > 0) print("info", () => formatValues(data));
  const owner = currentOwner();
  const depth = depths.get(owner) ?? 0;
  // Those that were opened last are the ones that are still printed to.
  depths.delete(owner);
  depths.set(owner, Math.min(depth + 1, MAX_DEPTH));
  const oldest = depths.keys().next().value;
  if (depths.size > MAX_OWNERS && oldest !== undefined) depths.delete(oldest);
}

function closeGroup(): void {
  const owner = currentOwner();
  const depth = depths.get(owner) ?? 0;
  if (depth > 1) depths.set(owner, depth - 1);
  else depths.delete(owner);
}

/** A label, converted as Web IDL does it: what its `toString` throws is the caller's. */
function labelOf(label: unknown): string {
  return label === undefined ? "default" : `${label as string}`;
}

function showTime(label: string, data: unknown[]): boolean {
  const startedAt = startTimes.get(label);
  if (startedAt === undefined) {
    print("warn", () => `Timer "${label}" does not exist`);
    return false;
  }
  const time = `${label}: ${formatMs(elapsedMs() - startedAt)}`;
  print("info", () => (data.length > 0 ? `${time} ${formatValues(data)}` : time));
  return true;
}

function formatMs(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms * 1_000) / 1_000}ms` : `${(ms / 1_000).toFixed(3)}s`;
}

/** Where `console.trace` was called, without the frames of the console itself. */
function callers(below: unknown): string {
  const holder: { stack?: unknown } = {};
  captureStackTrace(holder, below as () => void);
  const stack = String(holder.stack);
  const frames = stack.indexOf("\n");
  return frames === -1 ? "" : stack.slice(frames);
}

const methods = {
  assert(condition: unknown = false, ...data: unknown[]): void {
    if (condition) return;
    const [first, ...rest] = data;
    const message = "Assertion failed";
    const values =
      data.length === 0
        ? [message]
        : typeof first === "string"
          ? [`${message}: ${first}`, ...rest]
          : [message, ...data];
    print("error", () => formatValues(values));
  },
  clear(): void {
    depths.delete(currentOwner());
  },
  count(label: unknown = undefined): void {
    const name = labelOf(label);
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    print("info", () => `${name}: ${count}`);
  },
  countReset(label: unknown = undefined): void {
    const name = labelOf(label);
    if (counts.has(name)) counts.set(name, 0);
    else print("warn", () => `Count for "${name}" does not exist`);
  },
  debug: writer("debug"),
  dir(item: unknown = undefined, options: unknown = undefined): void {
    const chosen = typeof options === "object" && options !== null ? options : {};
    print("info", () => inspect(item, { customInspect: false, ...chosen }));
  },
  dirxml: writer("info"),
  error: writer("error"),
  group: (...data: unknown[]) => openGroup(data),
  groupCollapsed: (...data: unknown[]) => openGroup(data),
  groupEnd: () => closeGroup(),
  info: writer("info"),
  log: writer("info"),
  table(tabularData: unknown = undefined, properties: unknown = undefined): void {
    const names = properties === undefined ? undefined : [...toSequence(properties)].map((name) => `${name}`);
    print("info", () => formatTable(tabularData, names) ?? formatValues([tabularData]));
  },
  time(label: unknown = undefined): void {
    const name = labelOf(label);
    if (startTimes.has(name)) print("warn", () => `Timer "${name}" already exists`);
    else startTimes.set(name, elapsedMs());
  },
  timeEnd(label: unknown = undefined): void {
    const name = labelOf(label);
    if (showTime(name, [])) startTimes.delete(name);
  },
  timeLog(label: unknown = undefined, ...data: unknown[]): void {
    showTime(labelOf(label), data);
  },
  trace(...data: unknown[]): void {
    const place = callers(shown.trace);
    print("info", () => `Trace${data.length > 0 ? `: ${formatValues(data)}` : ""}${place}`);
  },
  warn: writer("warn"),
};

type Method = (...values: unknown[]) => void;

/** V8's own, from before the platform's takes its place. */
const native = (globalThis as unknown as { console?: Record<string, Method> }).console;
let isDebugged = false;

/** The isolate can be debugged: what is printed appears in the debugger's console, too. */
export function printToDebugger(): void {
  isDebugged = true;
}

function callNative(name: string, values: unknown[]): void {
  try {
    native?.[name]?.(...values);
  } catch {
    // It converts values as the platform's own console has just done; what they throw is not the caller's.
  }
}

/** As a namespace object of Web IDL: its methods are plain functions without a prototype of their own. */
const shown: Record<string, Method> = Object.create({});
for (const [name, method] of Object.entries(methods) as [string, Method][]) {
  const call = (...values: unknown[]): void => {
    method(...values);
    if (isDebugged) callNative(name, values);
  };
  Object.defineProperty(call, "name", { value: name, configurable: true });
  shown[name] = call;
}
Object.defineProperty(shown, Symbol.toStringTag, { value: "console", configurable: true });

export const console: Record<string, Method> = shown;

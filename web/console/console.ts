/**
 * The Console standard: each call becomes one log line with a level. The line belongs to the current request.
 *
 * I1  Counters and timers belong to the instance: the standard has one set of them for each global object. Groups belong
 *     to the request: an indentation must not leak into lines of other requests.
 * I2  V8's own console is called only while the isolate can be debugged. It shows the values to the debugger, and
 *     converts them a second time.
 */
import { elapsedMs } from "../performance/clock.ts";
import { currentOwner } from "../start/owner.ts";
import { toSequence } from "../webidl/webidl.ts";
import { formatValues, inspect } from "./format.ts";
import { textOrReason } from "./library-hooks.ts";
import { logLine } from "./log-line.ts";
import { formatTable } from "./table.ts";

const INDENT = "  ";

/** Upper bounds of the depth of groups, and of the requests with open groups. Beyond it, the oldest request is forgotten. */
const MAX_DEPTH = 50;
const MAX_OWNERS = 1_000;

const counts = new Map<string, number>();
const startTimes = new Map<string, number>();
const depths = new Map<number, number>();

const captureStackTrace = Error.captureStackTrace;

function print(level: string, text: () => string): void {
  logLine(level, () => {
    const depth = depths.get(currentOwner());
    if (depth === undefined) return textOrReason(text);
    const indent = INDENT.repeat(depth);
    return indent + textOrReason(text).replaceAll("\n", `\n${indent}`);
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
  // Inserted again: the first key is then the request whose group was opened longest ago.
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

/** A label, converted as Web IDL does it. An error of its `toString` reaches the caller. */
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

/** The frames that called `console.trace`, without the frames of the console itself. */
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

/** V8's own console, read before the platform replaces it. */
const native = (globalThis as unknown as { console?: Record<string, Method> }).console;
let isDebugged = false;

/** The isolate can be debugged: from now on lines appear in the debugger's console as well. */
export function printToDebugger(): void {
  isDebugged = true;
}

function callNative(name: string, values: unknown[]): void {
  try {
    native?.[name]?.(...values);
  } catch {
    // The platform's console has already converted the values. An error of a second conversion is not the caller's.
  }
}

/** Like a namespace object of Web IDL: the methods are plain functions without a prototype of their own. */
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

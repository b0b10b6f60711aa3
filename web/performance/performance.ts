import { DOMException } from "../dom/dom-exception.ts";
import { EventTarget } from "../dom/event-target.ts";
import {
  asInterface,
  conversions,
  isObject,
  requireArguments,
  toDictionary,
  toDOMString,
} from "../webidl/webidl.ts";
import { elapsedMs, timeOrigin } from "./clock.ts";
import {
  CONSTRUCTOR_KEY,
  type PerformanceEntry,
  PerformanceMark,
  PerformanceMeasure,
} from "./performance-entries.ts";
import { addEntry, clearEntries, entriesOf, latestMark } from "./performance-timeline.ts";

let isPerformance: (value: unknown) => boolean;

/** `Performance` of High Resolution Time and User Timing. Each isolate has one. */
export class Performance extends EventTarget {
  readonly #isOne = true;

  constructor(constructorKey: unknown = undefined) {
    if (constructorKey !== CONSTRUCTOR_KEY) throw new TypeError("Illegal constructor");
    super();
  }

  static {
    isPerformance = (value) => isObject(value) && #isOne in value;
  }

  now(): number {
    checkReceiver(this);
    return elapsedMs();
  }

  get timeOrigin(): number {
    checkReceiver(this);
    return timeOrigin();
  }

  toJSON(): object {
    checkReceiver(this);
    return { timeOrigin: timeOrigin() };
  }

  mark(markName: unknown, markOptions: unknown = undefined): PerformanceMark {
    checkReceiver(this);
    requireArguments(arguments.length, 1, "Performance.mark");
    const mark = new PerformanceMark(markName, markOptions);
    addEntry(mark);
    return mark;
  }

  measure(
    measureName: unknown,
    startOrMeasureOptions: unknown = undefined,
    endMark: unknown = undefined,
  ): PerformanceMeasure {
    checkReceiver(this);
    requireArguments(arguments.length, 1, "Performance.measure");
    const name = toDOMString(measureName);
    const { start, end, detail } = spanOf(startOrMeasureOptions, endMark);
    const measure = new PerformanceMeasure(CONSTRUCTOR_KEY, name, start, end - start, detail);
    addEntry(measure);
    return measure;
  }

  clearMarks(markName: unknown = undefined): void {
    checkReceiver(this);
    clearEntries("mark", optionalText(markName));
  }

  clearMeasures(measureName: unknown = undefined): void {
    checkReceiver(this);
    clearEntries("measure", optionalText(measureName));
  }

  getEntries(): PerformanceEntry[] {
    checkReceiver(this);
    return entriesOf();
  }

  getEntriesByType(type: unknown): PerformanceEntry[] {
    checkReceiver(this);
    requireArguments(arguments.length, 1, "Performance.getEntriesByType");
    return entriesOf(toDOMString(type));
  }

  getEntriesByName(name: unknown, type: unknown = undefined): PerformanceEntry[] {
    checkReceiver(this);
    requireArguments(arguments.length, 1, "Performance.getEntriesByName");
    return entriesOf(optionalText(type), toDOMString(name));
  }
}

asInterface("Performance", Performance);

function checkReceiver(receiver: unknown): void {
  if (!isPerformance(receiver)) throw new TypeError("Illegal invocation");
}

function optionalText(value: unknown): string | undefined {
  return value === undefined ? undefined : toDOMString(value);
}

interface Span {
  start: number;
  end: number;
  detail: unknown;
}

/** The start and end of a measure (User Timing, "performance.measure"). */
function spanOf(startOrOptions: unknown, endMark: unknown): Span {
  const isOptions = isObject(startOrOptions);
  const { detail, duration, end, start } = toDictionary(isOptions ? startOrOptions : undefined);
  const hasOptions = isOptions && [detail, duration, end, start].some((member) => member !== undefined);
  if (hasOptions) {
    if (endMark !== undefined) throw new TypeError("Performance.measure: options and an end mark at once");
    if (start === undefined && end === undefined)
      throw new TypeError("Performance.measure: the options have neither start nor end");
    if (start !== undefined && duration !== undefined && end !== undefined)
      throw new TypeError("Performance.measure: the options have start, end and duration");
  }
  const from = isOptions || startOrOptions === null ? start : startOrOptions;
  const lengthMs = duration === undefined ? undefined : conversions.double(duration);
  const endTime = (): number => {
    if (endMark !== undefined) return timeOfMark(endMark);
    if (end !== undefined) return timeOf(end);
    if (from !== undefined && lengthMs !== undefined) return timeOf(from) + lengthMs;
    return elapsedMs();
  };
  const startTime = (endAt: number): number => {
    if (from !== undefined) return isOptions ? timeOf(from) : timeOfMark(from);
    return lengthMs !== undefined && end !== undefined ? endAt - lengthMs : 0;
  };
  const endAt = endTime();
  return { start: startTime(endAt), end: endAt, detail };
}

/** A time, or the name of a mark (User Timing, "convert a mark to a timestamp"). */
function timeOf(value: unknown): number {
  if (typeof value !== "number") return timeOfMark(value);
  if (!Number.isFinite(value) || value < 0)
    throw new TypeError("Performance.measure: a time is negative or not finite");
  return value;
}

function timeOfMark(name: unknown): number {
  const text = toDOMString(name);
  const mark = latestMark(text);
  if (mark !== undefined) return mark.startTime;
  throw new DOMException(`Performance.measure: there is no mark ${JSON.stringify(text)}`, "SyntaxError");
}

export const performance = new Performance(CONSTRUCTOR_KEY);

/** The entries of the performance timeline (Performance Timeline, User Timing). */

import { structuredClone } from "../cloning/structured-clone.ts";
import { showFields } from "../console/inspection.ts";
import { asInterface, conversions, requireArguments, toDictionary, toDOMString } from "../webidl/webidl.ts";
import { elapsedMs } from "./clock.ts";

/** The key with which the platform makes an entry. User code has no key: it can only make marks. */
export const CONSTRUCTOR_KEY = Symbol("constructor key");

/** `PerformanceEntry`. */
export class PerformanceEntry {
  #name: string;
  #entryType: string;
  #startTime: number;
  #duration: number;

  constructor(constructorKey: unknown = undefined, name = "", entryType = "", startTime = 0, duration = 0) {
    if (constructorKey !== CONSTRUCTOR_KEY) throw new TypeError("Illegal constructor");
    this.#name = name;
    this.#entryType = entryType;
    this.#startTime = startTime;
    this.#duration = duration;
  }

  get name(): string {
    return this.#name;
  }

  get entryType(): string {
    return this.#entryType;
  }

  get startTime(): number {
    return this.#startTime;
  }

  get duration(): number {
    return this.#duration;
  }

  toJSON(): object {
    return {
      name: this.#name,
      entryType: this.#entryType,
      startTime: this.#startTime,
      duration: this.#duration,
    };
  }
}

/** `PerformanceMark`. */
export class PerformanceMark extends PerformanceEntry {
  #detail: unknown;

  constructor(markName: unknown, markOptions: unknown = undefined) {
    requireArguments(arguments.length, 1, "PerformanceMark");
    const name = toDOMString(markName);
    const { detail, startTime } = toDictionary(markOptions, "PerformanceMark: the options");
    const start = startTime === undefined ? elapsedMs() : conversions.double(startTime);
    if (start < 0) throw new TypeError("PerformanceMark: startTime is negative");
    super(CONSTRUCTOR_KEY, name, "mark", start);
    this.#detail = clonedDetail(detail);
  }

  get detail(): unknown {
    return this.#detail;
  }

  override toJSON(): object {
    return { ...super.toJSON(), detail: this.#detail };
  }
}

/** `PerformanceMeasure`. */
export class PerformanceMeasure extends PerformanceEntry {
  #detail: unknown;

  constructor(
    constructorKey: unknown = undefined,
    name = "",
    startTime = 0,
    duration = 0,
    detail: unknown = null,
  ) {
    super(constructorKey, name, "measure", startTime, duration);
    this.#detail = clonedDetail(detail);
  }

  get detail(): unknown {
    return this.#detail;
  }

  override toJSON(): object {
    return { ...super.toJSON(), detail: this.#detail };
  }
}

asInterface("PerformanceEntry", PerformanceEntry);
showFields(PerformanceEntry, "PerformanceEntry", (entry) => entry.toJSON());
asInterface("PerformanceMark", PerformanceMark);
showFields(PerformanceMark, "PerformanceMark", (entry) => entry.toJSON());
asInterface("PerformanceMeasure", PerformanceMeasure);
showFields(PerformanceMeasure, "PerformanceMeasure", (entry) => entry.toJSON());

function clonedDetail(detail: unknown): unknown {
  return detail === undefined || detail === null ? null : structuredClone(detail);
}

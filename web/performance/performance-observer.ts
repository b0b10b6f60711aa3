import { reportException } from "../dom/dispatch.ts";
import { DOMException } from "../dom/dom-exception.ts";
import { asInterface, requireArguments, toDictionary, toDOMString, toSequence } from "../webidl/webidl.ts";
import { CONSTRUCTOR_KEY, type PerformanceEntry } from "./performance-entries.ts";
import {
  entriesOf,
  observeTimeline,
  queueDelivery,
  selectEntries,
  type TimelineObserver,
  unobserveTimeline,
} from "./performance-timeline.ts";

const SUPPORTED = Object.freeze(["mark", "measure"]);

/** `PerformanceObserverEntryList`. */
export class PerformanceObserverEntryList {
  readonly #entries: readonly PerformanceEntry[];

  constructor(constructorKey: unknown = undefined, entries: readonly PerformanceEntry[] = []) {
    if (constructorKey !== CONSTRUCTOR_KEY) throw new TypeError("Illegal constructor");
    this.#entries = entries.toSorted((a, b) => a.startTime - b.startTime);
  }

  getEntries(): PerformanceEntry[] {
    return [...this.#entries];
  }

  getEntriesByType(type: unknown): PerformanceEntry[] {
    requireArguments(arguments.length, 1, "PerformanceObserverEntryList.getEntriesByType");
    return selectEntries(this.#entries, toDOMString(type));
  }

  getEntriesByName(name: unknown, type: unknown = undefined): PerformanceEntry[] {
    requireArguments(arguments.length, 1, "PerformanceObserverEntryList.getEntriesByName");
    return selectEntries(
      this.#entries,
      type === undefined ? undefined : toDOMString(type),
      toDOMString(name),
    );
  }
}

/** `PerformanceObserver`. */
export class PerformanceObserver {
  readonly #callback: (...values: unknown[]) => unknown;
  readonly #types = new Set<string>();
  /** Observes all types at once (`entryTypes`), or one after the other (`type`). The first call of `observe` decides. */
  #manner: "multiple" | "single" | undefined;
  #waiting: PerformanceEntry[] = [];
  readonly #observer: TimelineObserver = {
    take: (entry) => {
      if (this.#types.has(entry.entryType)) this.#waiting.push(entry);
    },
    deliver: () => this.#deliver(),
  };

  constructor(callback: unknown) {
    requireArguments(arguments.length, 1, "PerformanceObserver");
    if (typeof callback !== "function")
      throw new TypeError("PerformanceObserver: the callback is not a function");
    this.#callback = callback as (...values: unknown[]) => unknown;
  }

  static get supportedEntryTypes(): readonly string[] {
    return SUPPORTED;
  }

  observe(options: unknown = undefined): void {
    const { buffered, entryTypes, type } = toDictionary(options, "PerformanceObserver.observe: the options");
    const types =
      entryTypes === undefined
        ? undefined
        : [...toSequence(entryTypes, "PerformanceObserver.observe: entryTypes")].map((it) => toDOMString(it));
    const single = type === undefined ? undefined : toDOMString(type);
    if (types === undefined && single === undefined)
      throw new TypeError("PerformanceObserver.observe: neither entryTypes nor type is given");
    if (types !== undefined && (single !== undefined || buffered !== undefined))
      throw new TypeError("PerformanceObserver.observe: entryTypes does not go with type or buffered");
    const manner = types === undefined ? "single" : "multiple";
    if (this.#manner !== undefined && this.#manner !== manner)
      throw new DOMException(
        "PerformanceObserver.observe: it already observes in the other manner",
        "InvalidModificationError",
      );
    this.#manner = manner;
    const known = (types ?? [single as string]).filter((it) => SUPPORTED.includes(it));
    if (known.length === 0) return;
    if (manner === "multiple") this.#types.clear();
    for (const it of known) this.#types.add(it);
    observeTimeline(this.#observer);
    if (manner === "single" && buffered) {
      this.#waiting.push(...known.flatMap((it) => entriesOf(it)));
      queueDelivery();
    }
  }

  disconnect(): void {
    this.#types.clear();
    this.#waiting = [];
    this.#manner = undefined;
    unobserveTimeline(this.#observer);
  }

  takeRecords(): PerformanceEntry[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }

  #deliver(): void {
    const entries = this.takeRecords();
    if (entries.length === 0) return;
    const list = new PerformanceObserverEntryList(CONSTRUCTOR_KEY, entries);
    try {
      Reflect.apply(this.#callback, this, [list, this, { droppedEntriesCount: 0 }]);
    } catch (error) {
      reportException(error);
    }
  }
}

asInterface("PerformanceObserverEntryList", PerformanceObserverEntryList);
asInterface("PerformanceObserver", PerformanceObserver);

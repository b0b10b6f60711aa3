/**
 * The entries of the performance timeline, and who observes it.
 *
 * I1  Entries are kept until they are cleared, and by their start: the standards set no bound for user timing, and the
 *     isolate's memory is one.
 * I2  Observers are told by a task of their own, of all that came since the last one.
 */
import type { PerformanceEntry } from "./performance-entries.ts";
import { queueTask } from "./tasks.ts";

/** Takes what concerns it; `deliver` is called later, once for all of that. */
export interface TimelineObserver {
  take(entry: PerformanceEntry): void;
  deliver(): void;
}

let entries: PerformanceEntry[] = [];
const observers = new Set<TimelineObserver>();
let isDeliveryQueued = false;

export function addEntry(entry: PerformanceEntry): void {
  // Nearly always the latest: only marks and measures with times of their own go before others.
  let at = entries.length;
  while (at > 0 && (entries[at - 1]?.startTime ?? 0) > entry.startTime) at -= 1;
  entries.splice(at, 0, entry);
  for (const observer of observers) observer.take(entry);
  if (observers.size > 0) queueDelivery();
}

/** Those of a type, or of all, by their start. */
export function entriesOf(type?: string, name?: string): PerformanceEntry[] {
  return selectEntries(entries, type, name);
}

export function selectEntries(
  from: readonly PerformanceEntry[],
  type?: string,
  name?: string,
): PerformanceEntry[] {
  return from.filter(
    (entry) =>
      (type === undefined || entry.entryType === type) && (name === undefined || entry.name === name),
  );
}

/** The latest mark of a name. */
export function latestMark(name: string): PerformanceEntry | undefined {
  return entries.findLast((entry) => entry.entryType === "mark" && entry.name === name);
}

export function clearEntries(type: string, name?: string): void {
  entries = entries.filter(
    (entry) => entry.entryType !== type || (name !== undefined && entry.name !== name),
  );
}

export function observeTimeline(observer: TimelineObserver): void {
  observers.add(observer);
}

export function unobserveTimeline(observer: TimelineObserver): void {
  observers.delete(observer);
}

export function queueDelivery(): void {
  if (isDeliveryQueued) return;
  isDeliveryQueued = true;
  queueTask(() => {
    isDeliveryQueued = false;
    for (const observer of [...observers]) observer.deliver();
  });
}

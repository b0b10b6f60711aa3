/**
 * The entries of the performance timeline, and its observers.
 *
 * I1  Entries are kept until they are cleared, in the order of their start. The standards set no bound for user timing: the
 *     isolate's memory is the bound.
 * I2  A task of its own delivers to the observers all entries since the last delivery.
 */

import { queueTask } from "../dom/tasks.ts";
import type { PerformanceEntry } from "./performance-entries.ts";

/** `take` receives an entry. `deliver` is called later, once for all of them. */
export interface TimelineObserver {
  take(entry: PerformanceEntry): void;
  deliver(): void;
}

let entries: PerformanceEntry[] = [];
const observers = new Set<TimelineObserver>();
let isDeliveryQueued = false;

export function addEntry(entry: PerformanceEntry): void {
  // A new entry is nearly always the latest. Only marks and measures with given times go before others.
  let at = entries.length;
  while (at > 0 && (entries[at - 1]?.startTime ?? 0) > entry.startTime) at -= 1;
  entries.splice(at, 0, entry);
  for (const observer of observers) observer.take(entry);
  if (observers.size > 0) queueDelivery();
}

/** The entries of a type, or all entries, in the order of their start. */
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

/** The latest mark with this name. */
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

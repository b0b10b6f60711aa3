import type { TriggerMetric } from "./metric.ts";

/** How a call ended: its handler answered, its handler failed, or the call failed before or after. */
export type CallEnd = "answered" | "threw" | "failed";

/** Counts the calls of triggers. There is a series for each function, trigger and end that there were. */
export class CallCounts {
  readonly #counts = new Map<string, { labels: Record<string, string>; value: number }>();

  note(name: string, trigger: string, end: CallEnd): void {
    const key = `${name} ${trigger} ${end}`;
    const count = this.#counts.get(key) ?? { labels: { function: name, trigger, end }, value: 0 };
    count.value += 1;
    this.#counts.set(key, count);
  }

  list(): TriggerMetric[] {
    const help = "Calls of functions that no HTTP request made, by trigger and end";
    return [{ name: "narun_trigger_calls_total", type: "counter", help, values: [...this.#counts.values()] }];
  }
}

import type { RunOutcome } from "../../contracts/index.ts";
import type { TriggerMetric } from "../kind.ts";

/** A tick that is handed out later than this counts as late. */
const LATE_MS = 1_000;

/** The ticks and runs that this node handled. */
export class ScheduleMetrics {
  #ticks = 0;
  #lateTicks = 0;
  #latenessMs = 0;
  readonly #runs = new Map<RunOutcome, number>();

  /** A tick was handed out so long after its time. */
  onTick(latenessMs: number): void {
    this.#ticks += 1;
    this.#latenessMs += latenessMs;
    if (latenessMs > LATE_MS) this.#lateTicks += 1;
  }

  onRun(outcome: RunOutcome): void {
    this.#runs.set(outcome, (this.#runs.get(outcome) ?? 0) + 1);
  }

  list(): TriggerMetric[] {
    const alone = (value: number) => [{ labels: {}, value }];
    return [
      {
        name: "narun_schedule_ticks_total",
        type: "counter",
        help: "Ticks of schedules that this node handed out.",
        values: alone(this.#ticks),
      },
      {
        name: "narun_schedule_late_ticks_total",
        type: "counter",
        help: "Of these, ticks that came more than a second after their time.",
        values: alone(this.#lateTicks),
      },
      {
        name: "narun_schedule_lateness_seconds_total",
        type: "counter",
        help: "The time by which they were late, in all.",
        values: alone(this.#latenessMs / 1_000),
      },
      {
        name: "narun_schedule_runs_total",
        type: "counter",
        help: "Runs that this node ended, by their outcome.",
        values: [...this.#runs].map(([outcome, value]) => ({ labels: { outcome }, value })),
      },
    ];
  }
}

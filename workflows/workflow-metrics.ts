import type { WorkflowState } from "../contracts/index.ts";
import type { TriggerMetric } from "../triggers/index.ts";

/** The workflows that this node ran. Its labels are states: their number does not grow with the workflows. */
export class WorkflowMetrics {
  #started = 0;
  #steps = 0;
  #wakes = 0;
  #latenessMs = 0;
  readonly #ended = new Map<WorkflowState, number>();

  onStart(): void {
    this.#started += 1;
  }

  /** A timer was taken up so long after it fired. */
  onWake(latenessMs: number): void {
    this.#wakes += 1;
    this.#latenessMs += Math.max(latenessMs, 0);
  }

  /** An executor's call recorded the ends of so many steps, calls and messages. */
  onSteps(count: number): void {
    this.#steps += count;
  }

  onEnd(state: WorkflowState): void {
    this.#ended.set(state, (this.#ended.get(state) ?? 0) + 1);
  }

  list(running: number): TriggerMetric[] {
    const counter = (name: string, help: string, value: number): TriggerMetric => ({
      ...{ name: `narun_workflow_${name}`, type: "counter", help, values: [{ labels: {}, value }] },
    });
    return [
      {
        name: "narun_workflow_running",
        type: "gauge",
        help: "Workflows that this node runs now. Those that wait are none of them.",
        values: [{ labels: {}, value: running }],
      },
      counter("started_total", "Workflows that this node began to run.", this.#started),
      {
        name: "narun_workflow_ended_total",
        type: "counter",
        help: "Workflows that ended on this node, by their state.",
        values: [...this.#ended].map(([state, value]) => ({ labels: { state }, value })),
      },
      counter("steps_total", "Steps, calls and messages of workflows that ended on this node.", this.#steps),
      counter("wakes_total", "Timers of workflows that this node took up.", this.#wakes),
      counter(
        "wake_lateness_seconds_total",
        "The time between the firing of these timers and their taking up, in all.",
        this.#latenessMs / 1_000,
      ),
    ];
  }
}

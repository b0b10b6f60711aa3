/**
 * The workflows whose executors run in an instance. Its host answers the runners that ask for one: after the death of the runner that
 * called it, an executor goes on until its request is over.
 */
import { subjects } from "../../../../contracts/index.ts";
import type { Nats, WorkflowName } from "../../../../nats/index.ts";

export class WorkflowRuns {
  readonly #nats: Nats;
  /** The requests of the executors of a workflow, by its name. */
  readonly #runs = new Map<string, Set<AbortSignal>>();
  #endListening: (() => void) | undefined;

  constructor(nats: Nats) {
    this.#nats = nats;
  }

  /** An executor runs, until its request is over. */
  begin({ workflow, id }: WorkflowName, end: AbortSignal): void {
    const key = `${workflow}.${id}`;
    const requests = this.#runs.get(key) ?? new Set();
    if (end.aborted || requests.has(end)) return;
    requests.add(end);
    this.#runs.set(key, requests);
    this.#listen();
    const leave = () => {
      requests.delete(end);
      if (requests.size === 0) this.#runs.delete(key);
      if (this.#runs.size === 0) this.#leave();
    };
    end.addEventListener("abort", leave, { once: true });
  }

  #listen(): void {
    if (this.#endListening !== undefined) return;
    const asked = this.#nats.subscribe(subjects.workflowAsk, (message) => {
      if (this.#runs.has(message.text())) message.respond("");
    });
    this.#endListening = () => asked.unsubscribe();
  }

  #leave(): void {
    this.#endListening?.();
    this.#endListening = undefined;
  }
}

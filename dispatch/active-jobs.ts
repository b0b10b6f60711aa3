import { NumberTable } from "../contracts/index.ts";
import type { Flight, Job } from "./job.ts";

/** The requests that are not over. */
export class ActiveJobs {
  readonly #jobs = new NumberTable<Job>();
  readonly #idleWaiters = new Set<() => void>();

  add(job: Job): void {
    this.#jobs.set(job.order, job);
  }

  has(job: Job): boolean {
    return this.#jobs.has(job.order);
  }

  remove(job: Job): void {
    this.#jobs.delete(job.order);
    if (this.#jobs.size > 0) return;
    for (const resolve of this.#idleWaiters) resolve();
    this.#idleWaiters.clear();
  }

  /** The jobs of now. */
  list(): Job[] {
    return this.#jobs.values();
  }

  /** The jobs that are under way at an instance or a consumer. */
  inFlight(): { job: Job; flight: Flight }[] {
    return this.list().flatMap((job) => {
      const { phase } = job;
      return phase.kind === "in-flight" || phase.kind === "streaming" ? [{ job, flight: phase }] : [];
    });
  }

  /** The number of requests, by service. */
  counts(): Map<string, { held: number; inFlight: number }> {
    const counts = new Map<string, { held: number; inFlight: number }>();
    for (const { service, phase } of this.list()) {
      const count = counts.get(service) ?? { held: 0, inFlight: 0 };
      count[phase.kind === "held" ? "held" : "inFlight"] += 1;
      counts.set(service, count);
    }
    return counts;
  }

  /** Resolves when no request is left. */
  idle(): Promise<void> {
    if (this.#jobs.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.add(resolve));
  }
}

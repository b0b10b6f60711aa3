/**
 * The places at the instances. An instance has as many places as its concurrency says, and a request takes one.
 *
 * I1  A request that is in flight has a place, or has lent it. It has no place before and after.
 * I2  A body that is behind its pace lends its place as soon as another request waits for one, and not before. Its handler
 *     waits too, and needs nothing but memory.
 * I3  Upper bound of the bodies that lend their places is the number of places of the instance, or `MIN_LENT`. Beyond that the
 *     slower half of them is ended.
 * I4  A request that has lent its place takes one again when its body is over, even if none is free: its handler goes on.
 */
import type { Instance } from "./instance.ts";
import type { InFlight, InstanceHealth, Job } from "./job.ts";

export interface Places {
  take(job: Job, flight: InFlight): void;
  /** `how`: the end of the request at its instance. Default: unknown. */
  giveBack(job: Job, flight: InFlight, how?: HealthWord): void;
  /** The request's body was sent. */
  onBodyOver(job: Job): void;
  /**
   * Requests of the service wait for a place. True: a slow body has lent its own. False: no body is slow enough yet, and
   * `onFree` is called when that may have changed.
   */
  reclaim(service: string): boolean;
}

export type HealthWord = Parameters<InstanceHealth["onOver"]>[1];

export interface PlacesOptions {
  /** Hears of each request that has a place, and of its end there. */
  health?: InstanceHealth | undefined;
  /** Too many bodies are slow: this request has to end. */
  onTooSlow(job: Job): void;
  /** `reclaim` may succeed now. */
  onFree(service: string): void;
  /** An instance has more requests than it should have (decide-scale.ts). */
  onBusy?: ((service: string) => void) | undefined;
}

/** How far a body may be behind its pace before its place goes to a waiting request. */
const LEND_AFTER_MS = 250;
/** How far a body may be behind its pace before it is ended, where too many are slow. */
const END_AFTER_MS = 1_000;
const CHECK_MS = 100;
const MIN_LENT = 8;

/** A request whose body has not come to its end. */
interface Upload {
  readonly job: Job;
  readonly flight: InFlight;
  readonly instance: Instance;
}

export function createPlaces({ health, onTooSlow, onFree, onBusy }: PlacesOptions): Places {
  const byService = new Map<string, Map<Job, Upload>>();
  const lent = new WeakMap<Instance, number>();
  const timers = new Map<string, NodeJS.Timeout>();

  const forget = (job: Job) => {
    const uploads = byService.get(job.service);
    if (uploads?.delete(job) === true && uploads.size === 0) byService.delete(job.service);
  };
  const uploadsOf = (service: string) => [...(byService.get(service)?.values() ?? [])];
  const isCrowded = (instance: Instance) => lentOf(instance) >= Math.max(MIN_LENT, instance.concurrency);
  const lentOf = (instance: Instance) => lent.get(instance) ?? 0;
  const setLent = (flight: InFlight, instance: Instance, isLent: boolean) => {
    flight.isLent = isLent;
    instance.inFlight += isLent ? -1 : 1;
    lent.set(instance, lentOf(instance) + (isLent ? 1 : -1));
  };

  const check = (service: string) => {
    timers.delete(service);
    const crowd = uploadsOf(service).filter(({ flight, instance }) => flight.isLent && isCrowded(instance));
    const slow = slowestFirst(crowd, END_AFTER_MS);
    for (const { job } of slow.slice(0, Math.ceil(slow.length / 2))) onTooSlow(job);
    onFree(service);
  };

  return {
    take(job, flight) {
      if (flight.target === "shared") return;
      flight.target.inFlight += 1;
      if (flight.target.inFlight === flight.target.busyAt) onBusy?.(job.service);
      health?.onSent(flight.target);
      if (job.request.rest === undefined) return;
      const uploads = byService.get(job.service) ?? new Map<Job, Upload>();
      byService.set(job.service, uploads.set(job, { job, flight, instance: flight.target }));
    },
    giveBack(job, flight, how = "unknown") {
      if (flight.target === "shared") return;
      health?.onOver(flight.target, how);
      if (flight.isLent) setLent(flight, flight.target, false);
      flight.target.inFlight -= 1;
      flight.target.ended += 1;
      if (job.request.rest !== undefined) forget(job);
    },
    onBodyOver(job) {
      const upload = byService.get(job.service)?.get(job);
      if (upload === undefined) return;
      forget(job);
      if (upload.flight.isLent) setLent(upload.flight, upload.instance, false);
    },
    reclaim(service) {
      if (!byService.has(service)) return false;
      const lenders = uploadsOf(service).filter(
        ({ flight, instance }) => !flight.isLent && !isCrowded(instance),
      );
      const [slowest] = slowestFirst(lenders, LEND_AFTER_MS);
      if (slowest !== undefined) setLent(slowest.flight, slowest.instance, true);
      else if (!timers.has(service)) timers.set(service, setTimeout(check, CHECK_MS, service));
      return slowest !== undefined;
    },
  };
}

/** The uploads that are further behind than `mostMs`, the slowest first. */
function slowestFirst(uploads: readonly Upload[], mostMs: number): Upload[] {
  return uploads
    .map((upload) => ({ upload, behindMs: upload.flight.sending.exchange?.behindMs ?? 0 }))
    .filter(({ behindMs }) => behindMs > mostMs)
    .sort((one, other) => other.behindMs - one.behindMs)
    .map(({ upload }) => upload);
}

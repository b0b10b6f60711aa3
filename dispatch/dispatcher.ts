/**
 * Brings every request to an instance, or to a consumer that narun did not start.
 *
 * A request is `held`, `in-flight`, `streaming` or `done`. It goes from held to in-flight when a target can take it. It goes
 * back to held when it is proven that no handler began it, or when it may be repeated. It goes to streaming when the head of
 * its answer came and the body follows. It goes to done once.
 *
 * I1  Every request is settled exactly once. A request that is cancelled is not settled.
 * I2  A request that may not run twice is sent again only after proof that no handler began it (next-step.ts). A request that
 *     may run twice is sent at most three times without such proof.
 * I3  This gateway never has more requests under way at an instance than its concurrency. Each request gives its place back
 *     once. A body that comes slowly keeps no place that another request waits for (places.ts).
 * I4  While a request of a service is held, new requests queue behind it. A request that comes back from an instance takes
 *     its old place (hold.ts).
 * I5  While requests are held without a target, a search is under way (demand.ts), and a timer limits the hold.
 * I6  Nothing is sent while NATS is away: the client library would drop it. Holds last until the deadline meanwhile.
 * I7  A stream gives its place back when its head came: credit and the isolate's memory bound it, and most streams are idle
 *     most of the time. A stream breaks when the instance is lost or NATS was away, as frames may be missing. It is never
 *     resumed. The instance is told when its answer, or the rest of it, is no longer awaited.
 */
import type { ErrorCode, ReadyAnnouncement } from "../contracts/index.ts";
import type { OutgoingExchange } from "../streams/index.ts";
import { ActiveJobs } from "./active-jobs.ts";
import type { Answer, Reply, Sending } from "./carrier.ts";
import { type Carriers, createCarriers } from "./carriers.ts";
import { findTarget } from "./find-target.ts";
import { createHearing, type Hearing } from "./hearing.ts";
import { createHold, type Hold } from "./hold.ts";
import type { Instance } from "./instance.ts";
import {
  createJob,
  type Dispatched,
  type DispatcherOptions,
  type DispatchRequest,
  type Flight,
  type InFlight,
  type Job,
  noteHeld,
  type Result,
  refusals,
  type Target,
  unsendableCode,
} from "./job.ts";
import type { Evidence } from "./next-step.ts";
import { endOfHold, pauseOf } from "./pause.ts";
import { createPlaces, type HealthWord, type Places } from "./places.ts";
import { createWays, type Ways } from "./ways.ts";

export class Dispatcher {
  readonly active = new ActiveJobs();
  /** How many requests of a service are held. */
  readonly waiting = (service: string): number => this.#hold.count(service);
  readonly ways: Ways;
  readonly #options: DispatcherOptions;
  readonly #carriers: Carriers;
  readonly #hold: Hold<Job>;
  readonly #hearing: Hearing;
  readonly #places: Places;
  /** Services with a consumer that narun did not start. */
  readonly #foreign = new Set<string>();
  /** When the search for a service began, by `performance.now()`. */
  readonly #wokenAtMs = new Map<string, number>();
  #arrivals = 0;
  #isDraining = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.ways = createWays(options.instances);
    const { nats, presence, wires, subjectOf, inquire, health, onBusy, observer } = options;
    this.#carriers = createCarriers({
      ...{ nats, presence, wires, subjectOf },
      events: {
        onAnswer: (job, answer) => this.#onAnswer(job, answer),
        onNotPermitted: (job, code) => this.#fail(job, code),
        onBodyOver: (job) => this.#places.onBodyOver(job),
        onBroken: (job) => void (this.#hearing.step(job, "link-broken") === "wait" && inquire()),
      },
    });
    this.#hold = createHold<Job>(options.limits);
    this.#hearing = createHearing({
      ...{ nats, observer, active: this.active },
      repeat: (job) => this.#repeat(job),
      takeBack: (job) => this.#takeBack(job),
      fail: (job, code) => this.#fail(job, code),
    });
    this.#places = createPlaces({
      ...{ health, onBusy },
      onTooSlow: (job) => this.#fail(job, "BODY_TOO_SLOW"),
      onFree: (service) => this.#pump(service),
    });
  }

  /** Takes a request. */
  dispatch(request: DispatchRequest): Dispatched {
    const job: Job = createJob(request, this.#arrivals++, () => this.#onDeadline(job));
    this.active.add(job);
    if (pauseOf(this.#options.specOf(job.service)) === "refuse") {
      this.#settle(job, { kind: "failed", code: "SERVICE_PAUSED" });
      return job;
    }
    const target = this.#hold.count(job.service) === 0 ? this.#targetOf(job) : undefined;
    if (target === undefined) this.#park(job, "admit");
    else this.#send(job, target);
    return job;
  }

  /** Whether requests of a service are held without a target. */
  isStarving(service: string): boolean {
    const { instances } = this.#options;
    const isHeld = this.#hold.count(service) > 0 && pauseOf(this.#options.specOf(service)) === "none";
    return isHeld && instances.ready(service).length === 0 && !this.#foreign.has(service);
  }

  onReady(instance: Instance, announcement: ReadyAnnouncement | undefined): void {
    const { service } = instance;
    const wokenMs = this.#wokenAtMs.get(service);
    if (wokenMs !== undefined && announcement !== undefined) {
      this.#options.observer.coldStart(service, performance.now() - wokenMs, announcement.phases);
    }
    this.#pump(service);
  }

  /** A consumer that narun did not start answers for the service. */
  onForeign(service: string): void {
    this.#foreign.add(service);
    this.#pump(service);
  }

  /** The wire of a service is known, its spec is another, or an instance has room: requests that waited for that can be sent. */
  onNews(service: string): void {
    this.#pump(service);
  }

  /** No instance will start. */
  onBroken(service: string, code: ErrorCode): void {
    // An instance that is ready and full takes the requests later.
    if (!this.isStarving(service)) return;
    for (const job of this.#hold.all(service)) {
      if (job.phase.kind === "held") this.#fail(job, code);
    }
  }

  /** NATS is back. Requests under way may be lost, and instances may not be back yet. */
  onReconnect(): void {
    this.#foreign.clear();
    this.#options.wires.forget();
    this.hear("nats-was-away", ({ sending }) => sending.line === this.#options.nats);
    for (const service of this.#hold.services()) {
      for (const job of this.#hold.all(service)) {
        if (job.phase.kind !== "held") continue;
        clearTimeout(job.phase.timer);
        job.phase.timer = this.#holdTimer(job);
      }
      this.#pump(service);
    }
  }

  /** Takes the next step of the requests that evidence is about. */
  hear(evidence: Evidence, concerns: (flight: Flight) => boolean): void {
    this.#hearing.hear(evidence, concerns);
  }

  /** Resolves when no request is left. */
  idle(): Promise<void> {
    return this.active.idle();
  }

  /** Tells functions that the gateway drains. `streaming`: the functions whose answers stream, now or later. */
  warn(whom: "streaming" | "all"): void {
    this.#isDraining = true;
    for (const { flight } of this.active.inFlight())
      if (flight.kind === "streaming" || whom === "all") flight.sending.exchange?.drain();
  }

  /** Settles all requests, as the gateway ends. */
  abort(): void {
    // Held requests end first: they must not get the places that other requests free at their end.
    const isHeld = (job: Job) => job.phase.kind === "held";
    const jobs = this.active.list();
    for (const job of jobs.filter(isHeld)) this.#fail(job, "GATEWAY_DRAINING");
    for (const job of jobs) {
      if (!this.active.has(job)) continue;
      this.#fail(job, job.phase.kind === "streaming" ? "GATEWAY_DRAINING" : "DEADLINE_EXCEEDED");
    }
  }

  #targetOf(job: Job): Target | undefined {
    return findTarget(this.#options, job, this.#foreign.has(job.service));
  }

  #send(job: Job, target: Target): void {
    let sending: Sending;
    try {
      sending = this.#carriers.send(job, target);
    } catch (error) {
      this.#settle(job, { kind: "failed", code: unsendableCode(this.#options.log, job, error) });
      return;
    }
    job.sends += 1;
    const flight: InFlight = { kind: "in-flight", target, sending, isLent: false };
    job.phase = flight;
    this.#options.begun();
    this.#places.take(job, flight);
  }

  /**
   * Holds a job. `admit` keeps to the limits. `readmit` is for jobs that come back from an instance: they were admitted
   * before, and are few, as the instance's concurrency bounds them.
   */
  #park(job: Job, entry: "admit" | "readmit"): void {
    if (this.#place(job)) return;
    if (entry === "readmit") this.#hold.readmit(job);
    else if (!this.#hold.admit(job)) {
      this.#settle(job, { kind: "failed", code: "HOLD_QUEUE_FULL" });
      return;
    }
    job.phase = { kind: "held", sinceMs: performance.now(), timer: this.#holdTimer(job) };
    this.#pump(job.service);
  }

  /** Sends a job that nothing holds, or gives it back. Returns whether it is one. */
  #place(job: Job): boolean {
    const { onUnplaced } = job.request;
    if (onUnplaced === undefined) return false;
    const target = this.#targetOf(job);
    if (target !== undefined) this.#send(job, target);
    else {
      this.#end(job);
      onUnplaced();
    }
    return true;
  }

  #holdTimer(job: Job): NodeJS.Timeout {
    return setTimeout(() => this.#onHoldOver(job), this.#options.holdMs);
  }

  /** Sends the held requests of a service to targets. */
  #pump(service: string): void {
    let job = this.#hold.first(service);
    for (; job !== undefined; job = this.#hold.first(service)) {
      const target = this.#targetOf(job) ?? (this.#places.reclaim(service) ? this.#targetOf(job) : undefined);
      if (target === undefined) break;
      this.#leave(job, target);
      this.#send(job, target);
    }
    if (job === undefined || !this.isStarving(service)) this.#wokenAtMs.delete(service);
    else if (!this.#wokenAtMs.has(service)) this.#wokenAtMs.set(service, performance.now());
    if (job !== undefined) this.#options.wake(service);
  }

  /** Takes a job out of its phase. The caller puts it into the next one at once. */
  #leave(job: Job, next?: Target, how?: HealthWord): void {
    const { phase, service } = job;
    if (phase.kind === "in-flight" || phase.kind === "streaming") {
      phase.sending.release();
      if (phase.kind === "in-flight") this.#places.giveBack(job, phase, how);
    } else if (phase.kind === "held") {
      clearTimeout(phase.timer);
      this.#hold.remove(job);
      const nowMs = performance.now();
      const heldMs = nowMs - phase.sinceMs;
      const wokenMs = next === "shared" ? undefined : this.#wokenAtMs.get(service);
      noteHeld(job, heldMs, wokenMs && nowMs - wokenMs);
      this.#options.observer.held(service, heldMs);
    }
  }

  #takeBack(job: Job): void {
    job.sends -= 1;
    this.#leave(job);
    this.#park(job, "readmit");
  }

  #repeat(job: Job): void {
    this.#options.observer.resent(job.service);
    if (job.phase.kind === "in-flight") job.phase.sending.exchange?.cancel("STREAM_BROKEN");
    this.#leave(job, undefined, "failed");
    this.#park(job, "readmit");
  }

  /** Ends a job without an answer, or without the rest of it. */
  #fail(job: Job, code: ErrorCode): void {
    if (job.phase.kind === "streaming") {
      job.phase.exchange.breakOff(code);
      // A body that was not opened yet does not report its end.
      this.#endStream(job);
      return;
    }
    // The body of a late answer would wait for credit.
    if (job.phase.kind === "in-flight") job.phase.sending.exchange?.cancel(code);
    this.#leave(job, undefined, "failed");
    this.#settle(job, { kind: "failed", code });
    this.#pump(job.service);
  }

  /** The request no longer waits for its answer, or for the rest of it. Nothing where it is over. */
  cancel(job: Dispatched): void {
    const { phase } = job;
    if (phase.kind === "done") return;
    if (phase.kind === "in-flight" || phase.kind === "streaming")
      phase.sending.exchange?.cancel("CLIENT_GONE");
    this.#leave(job);
    this.#end(job);
    this.#pump(job.service);
  }

  #settle(job: Job, result: Result): void {
    this.#end(job);
    job.request.settle({ ...result, cold: job.cold });
  }

  #end(job: Job): void {
    clearTimeout(job.deadlineTimer);
    job.phase = { kind: "done" };
    this.active.remove(job);
  }

  #onAnswer(job: Job, answer: Answer): void {
    if (job.phase.kind === "in-flight") this.#onResult(job, job.phase, answer);
  }

  #onResult(job: Job, flight: InFlight, answer: Answer): void {
    const exchange = answer.kind === "stream" ? flight.sending.exchange : undefined;
    if (answer.kind === "stream" && exchange !== undefined) {
      this.#beginStream(job, flight, exchange, answer.reply);
      return;
    }
    const { observer } = this.#options;
    this.#leave(job, undefined, answer.kind in refusals ? "unknown" : "answered");
    if (answer.kind === "reply") {
      observer.replied(job.service, answer.reply.isError ? "error" : "success");
      this.#settle(job, { kind: "reply", reply: answer.reply });
    } else if (answer.kind === "stream" || answer.kind === "unreadable") {
      observer.replied(job.service, "bad_reply");
      this.#settle(job, { kind: "failed", code: "BAD_REPLY" });
    } else {
      observer.replied(job.service, refusals[answer.kind]);
      this.#onRefused(job, flight.target, answer.kind);
      return;
    }
    this.#pump(job.service);
  }

  #beginStream(job: Job, flight: InFlight, exchange: OutgoingExchange, reply: Reply): void {
    const { observer } = this.#options;
    const { target, sending } = flight;
    clearTimeout(job.deadlineTimer);
    this.#places.giveBack(job, flight, "answered");
    job.phase = { kind: "streaming", target, sending, exchange };
    observer.replied(job.service, "success");
    const body = exchange.openResponse(() => this.#endStream(job));
    job.request.settle({ kind: "stream", reply, body, cold: job.cold });
    if (this.#isDraining) exchange.drain();
    this.#pump(job.service);
  }

  #endStream(job: Job): void {
    if (job.phase.kind !== "streaming") return;
    this.#leave(job);
    this.#end(job);
  }

  /** Proven not begun: the target gets no further requests, and the job is dispatched again. */
  #onRefused(job: Job, target: Target, verdict: keyof typeof refusals): void {
    const { instances } = this.#options;
    job.sends -= 1;
    const isTried = target === "shared" && verdict !== "wants-bhttp";
    if (isTried) {
      this.#foreign.delete(job.service);
      this.#options.wires.forget(job.service);
      job.hasTriedShared = true;
    } else if (verdict === "draining" && target !== "shared") instances.markDraining(target);
    else if (target !== "shared" && verdict === "no-responders") instances.markUnreachable(target);
    else if (verdict === "full" && job.request.onUnplaced !== undefined) job.isTurnedAway = true;
    else if (verdict === "full" && target !== "shared") instances.markFull(target);
    this.#park(job, isTried ? "admit" : "readmit");
  }

  #onHoldOver(job: Job): void {
    // While NATS is away no target can be found: the deadline alone limits the hold (I6).
    if (job.phase.kind === "held" && this.#options.nats.state === "connected") this.#endHold(job);
  }

  #onDeadline(job: Job): void {
    const isHeld = job.phase.kind === "held";
    if (!isHeld) this.#options.observer.replied(job.service, "timeout");
    if (isHeld) this.#endHold(job);
    else this.#fail(job, "DEADLINE_EXCEEDED");
  }

  #endHold(job: Job): void {
    const { specOf, waitsFor } = this.#options;
    this.#leave(job);
    this.#settle(job, endOfHold(specOf(job.service), waitsFor(job.service)));
    this.#pump(job.service);
  }
}

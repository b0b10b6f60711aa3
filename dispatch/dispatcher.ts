/**
 * Brings every request to somebody who answers it.
 *
 * A request is `held`, or `in-flight`, or `streaming`, or `done`. It goes from held to in-flight when something can take
 * it, back to held when it is proven that nobody began it or when it may be repeated, to streaming when its answer's head
 * came and the body follows, and to done once.
 *
 * I1  Every request is settled exactly once, unless it is cancelled: then never.
 * I2  A request that may not run twice is sent again only after proof that nobody began it (next-step.ts). One that may is
 *     sent at most three times without such proof.
 * I3  This gateway never has more requests under way at an instance than its concurrency, and each gives its place back once.
 *     A body that comes slowly keeps no place that somebody else waits for (places.ts).
 * I4  While a request of a service is held, new ones queue behind it; those that come back take their old place (hold.ts).
 * I5  While requests are held and nothing can take them, a search is under way (demand.ts), and a timer limits the hold.
 * I6  Nothing is sent while NATS is away: the client library would drop it. Holds then last until the deadline.
 * I7  A stream gives its place back when its head came: credit and the isolate's memory bound it, and most are idle most of
 *     the time. It breaks, and is never resumed, when the instance is lost or NATS was away: frames may be missing. The
 *     instance is told when its answer, or the rest of it, is not awaited any more.
 */
import {
  type ErrorCode,
  isServiceError,
  messageOf,
  type ReadyAnnouncement,
  subjects,
} from "../contracts/index.ts";
import type { Message, PendingReply } from "../nats/index.ts";
import { frameOf, type OutgoingExchange } from "../streams/index.ts";
import { chooseInstance } from "./choose.ts";
import { createHold, type Hold } from "./hold.ts";
import type { Instance } from "./instances.ts";
import {
  countJobs,
  createJob,
  type DispatcherOptions,
  type DispatchRequest,
  type Flight,
  flightsOf,
  type InFlight,
  type Job,
  type Result,
  sendOf,
  type Target,
} from "./job.ts";
import { decideStep, type Word } from "./next-step.ts";
import { openExchange } from "./open-exchange.ts";
import { createPlaces, type Places } from "./places.ts";
import { readVerdict } from "./verdict.ts";

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #hold: Hold<Job>;
  readonly #places: Places;
  readonly #active = new Set<Job>();
  /** Services that somebody answers for whom narun did not start. */
  readonly #foreign = new Set<string>();
  /** Since when a search is under way for a service. */
  readonly #wokenAtMs = new Map<string, number>();
  readonly #idleWaiters = new Set<() => void>();
  #arrivals = 0;
  #isDraining = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#hold = createHold<Job>(options.limits);
    this.#places = createPlaces({
      onTooSlow: (job) => this.#fail(job, "BODY_TOO_SLOW"),
      onFree: (service) => this.#pump(service),
    });
  }

  /** Takes a request; returns what forgets it again. */
  dispatch(request: DispatchRequest): () => void {
    const job: Job = createJob(request, this.#arrivals++, () => this.#onDeadline(job));
    this.#active.add(job);
    const target = this.#hold.count(job.service) === 0 ? this.#targetOf(job) : undefined;
    if (target === undefined) this.#park(job, "admit");
    else this.#send(job, target);
    return () => this.#cancel(job);
  }

  /** Whether requests are held for a service and nothing can take them. */
  isStarving(service: string): boolean {
    const { instances } = this.#options;
    return (
      this.#hold.count(service) > 0 && instances.ready(service).length === 0 && !this.#foreign.has(service)
    );
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

  /** No instance will start. */
  onBroken(service: string, code: ErrorCode): void {
    // One that is ready, and merely full, takes them after all.
    if (!this.isStarving(service)) return;
    for (const job of this.#hold.all(service)) {
      if (job.phase.kind === "held") this.#fail(job, code);
    }
  }

  /** NATS is back. What was under way may be lost, and who was there may not be back yet. */
  onReconnect(): void {
    this.#foreign.clear();
    this.hear("nats-was-away", () => true);
    for (const service of this.#hold.services()) {
      for (const job of this.#hold.all(service)) {
        if (job.phase.kind !== "held") continue;
        clearTimeout(job.phase.timer);
        job.phase.timer = this.#holdTimer(job);
      }
      this.#pump(service);
    }
  }

  flights(): Flight[] {
    return flightsOf(this.#active).map(({ flight }) => flight);
  }

  /** Does with what is under way what a word that concerns it comes to (next-step.ts). */
  hear(word: Word, concerns: (flight: Flight) => boolean): void {
    const code = word === "nats-was-away" || word === "over" ? "STREAM_BROKEN" : "CONSUMER_DIED";
    let mustAsk = false;
    for (const { job, flight } of flightsOf(this.#active)) {
      if (!concerns(flight)) continue;
      const step = decideStep(word, sendOf(job));
      if (step === "ask") mustAsk = true;
      const isOver = step === "repeat" || step === "fail";
      if (isOver && word !== "nats-was-away") this.#options.observer.replied(job.service, "consumer_died");
      if (step === "repeat") this.#repeat(job);
      if (step === "elsewhere") this.#takeBack(job);
      if (step === "fail") this.#fail(job, code);
    }
    if (mustAsk) void this.#ask(concerns);
  }

  /** The requests that are here, by service. */
  counts(): Map<string, { held: number; inFlight: number }> {
    return countJobs(this.#active);
  }

  /** Resolves when no request is left. */
  idle(): Promise<void> {
    if (this.#active.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.add(resolve));
  }

  /** Has functions hear that the gateway drains: those whose answers stream, now or from now on; or all. */
  warn(whom: "streaming" | "all"): void {
    this.#isDraining = true;
    for (const { flight } of flightsOf(this.#active))
      if (flight.kind === "streaming" || whom === "all") flight.exchange?.drain();
  }

  /** Settles all that is left, as the gateway ends. */
  abort(): void {
    // The held ones first: a place that an ended request frees must not go to one of them.
    const isHeld = (job: Job) => job.phase.kind === "held";
    const jobs = [...this.#active];
    for (const job of jobs.filter(isHeld)) this.#fail(job, "GATEWAY_DRAINING");
    for (const job of jobs) {
      if (!this.#active.has(job)) continue;
      this.#fail(job, job.phase.kind === "streaming" ? "GATEWAY_DRAINING" : "DEADLINE_EXCEEDED");
    }
  }

  /** Where a job could go now. */
  #targetOf(job: Job): Target | undefined {
    const { nats, instances, specOf } = this.#options;
    if (nats.state !== "connected") return undefined;
    const ready = instances.ready(job.service);
    const spec = specOf(job.service);
    if (ready.length > 0) return chooseInstance(ready, spec?.revision);
    // Others than our own instances take a body in one message only.
    if (job.request.rest !== undefined) return undefined;
    // Of a service without a spec nothing is known but its name: NATS says at once whether somebody is there.
    const mayTry = spec === undefined && !job.hasTriedShared;
    return mayTry || this.#foreign.has(job.service) ? "shared" : undefined;
  }

  #send(job: Job, target: Target): void {
    const { headers, data } = job.request;
    const subject = target === "shared" ? job.service : subjects.instanceRequests(target.id);
    const exchange = openExchange(this.#options, job, target, () => this.#places.onBodyOver(job));
    let pending: PendingReply;
    try {
      pending = this.#options.nats.send(
        subject,
        data,
        headers,
        (message) => this.#onReply(job, message),
        // NATS does not let this gateway ask, or hear: another try would not be heard either.
        ({ code }) => this.#fail(job, code),
      );
    } catch (error) {
      exchange?.close();
      this.#options.log.error({ service: job.service, error: messageOf(error) }, "a request cannot be sent");
      this.#settle(job, { kind: "failed", code: "INTERNAL" });
      return;
    }
    job.sends += 1;
    job.phase = { kind: "in-flight", target, pending, exchange, isLent: false };
    this.#places.take(job, job.phase);
  }

  /**
   * Holds a job. `admit` keeps to the limits. `readmit` is for those that come back from an instance: they are few, as
   * its concurrency bounds them, and were admitted before.
   */
  #park(job: Job, entry: "admit" | "readmit"): void {
    if (entry === "readmit") this.#hold.readmit(job);
    else if (!this.#hold.admit(job)) {
      this.#settle(job, { kind: "failed", code: "HOLD_QUEUE_FULL" });
      return;
    }
    job.phase = { kind: "held", sinceMs: performance.now(), timer: this.#holdTimer(job) };
    this.#pump(job.service);
  }

  #holdTimer(job: Job): NodeJS.Timeout {
    return setTimeout(() => this.#onHoldOver(job), this.#options.holdMs);
  }

  /** Sends what is held to whoever can take it; where nobody can, sees to it that somebody is looked for. */
  #pump(service: string): void {
    for (let job = this.#hold.first(service); job !== undefined; job = this.#hold.first(service)) {
      const target = this.#targetOf(job) ?? (this.#places.reclaim(service) ? this.#targetOf(job) : undefined);
      if (target === undefined) break;
      this.#leave(job, target);
      this.#send(job, target);
    }
    if (!this.isStarving(service)) this.#wokenAtMs.delete(service);
    else {
      if (!this.#wokenAtMs.has(service)) this.#wokenAtMs.set(service, performance.now());
      this.#options.wake(service);
    }
  }

  /** Takes a job out of its phase. The caller puts it into the next one at once. */
  #leave(job: Job, next?: Target): void {
    const { phase, service } = job;
    if (phase.kind === "in-flight" || phase.kind === "streaming") {
      phase.pending.release();
      phase.exchange?.close();
      if (phase.kind === "in-flight") this.#places.giveBack(job, phase);
    } else if (phase.kind === "held") {
      clearTimeout(phase.timer);
      this.#hold.remove(job);
      const nowMs = performance.now();
      const heldMs = nowMs - phase.sinceMs;
      const wokenMs = next === "shared" ? undefined : this.#wokenAtMs.get(service);
      job.cold = {
        heldMs: (job.cold?.heldMs ?? 0) + heldMs,
        startMs: wokenMs === undefined ? job.cold?.startMs : nowMs - wokenMs,
      };
      this.#options.observer.held(service, heldMs);
    }
  }

  async #ask(concerns: (flight: Flight) => boolean): Promise<void> {
    // Where the connection breaks meanwhile NATS has said all that it will.
    await this.#options.nats.flush().catch(() => undefined);
    this.hear("asked", concerns);
  }

  #takeBack(job: Job): void {
    job.sends -= 1;
    this.#leave(job);
    this.#park(job, "readmit");
  }

  #repeat(job: Job): void {
    this.#options.observer.resent(job.service);
    if (job.phase.kind === "in-flight") job.phase.exchange?.cancel("STREAM_BROKEN");
    this.#leave(job);
    this.#park(job, "readmit");
  }

  /** Ends a job without an answer, or without the rest of it. */
  #fail(job: Job, code: ErrorCode): void {
    if (job.phase.kind === "streaming") {
      job.phase.exchange.breakOff(code);
      // Where nobody has begun to read the answer, nobody heard of its end either.
      this.#endStream(job);
      return;
    }
    // An answer that comes all the same would wait for somebody to read it.
    if (job.phase.kind === "in-flight") job.phase.exchange?.cancel(code);
    this.#leave(job);
    this.#settle(job, { kind: "failed", code });
    this.#pump(job.service);
  }

  #cancel(job: Job): void {
    if (!this.#active.has(job)) return;
    const { phase } = job;
    if (phase.kind === "in-flight" || phase.kind === "streaming") phase.exchange?.cancel("CLIENT_GONE");
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
    this.#active.delete(job);
    if (this.#active.size > 0) return;
    for (const resolve of this.#idleWaiters) resolve();
    this.#idleWaiters.clear();
  }

  #onReply(job: Job, message: Message): void {
    const { phase } = job;
    if (phase.kind !== "in-flight" && phase.kind !== "streaming") return;
    const verdict = readVerdict(message);
    if (verdict === "frame") {
      const frame = frameOf(message);
      if (frame !== undefined) phase.exchange?.receive(frame, message);
      return;
    }
    if (phase.kind === "streaming") return;
    if (verdict === "stream" && phase.exchange !== undefined) {
      this.#beginStream(job, phase, phase.exchange, message);
      return;
    }
    const { target } = phase;
    const { observer } = this.#options;
    this.#leave(job);
    switch (verdict) {
      case "no-responders":
      case "draining":
        observer.replied(job.service, verdict === "draining" ? "draining" : "no_responders");
        this.#onRefused(job, target, verdict);
        return;
      case "stream":
      case "unreadable":
        observer.replied(job.service, "bad_reply");
        this.#settle(job, { kind: "failed", code: "BAD_REPLY" });
        break;
      case "answer":
        observer.replied(job.service, isServiceError(message.headers) ? "error" : "success");
        this.#settle(job, { kind: "reply", message });
        break;
    }
    this.#pump(job.service);
  }

  #beginStream(job: Job, flight: InFlight, exchange: OutgoingExchange, message: Message): void {
    const { observer } = this.#options;
    const { target, pending } = flight;
    clearTimeout(job.deadlineTimer);
    this.#places.giveBack(job, flight);
    job.phase = { kind: "streaming", target, pending, exchange };
    observer.replied(job.service, "success");
    const body = exchange.openResponse(message, () => this.#endStream(job));
    job.request.settle({ kind: "stream", message, body, cold: job.cold });
    if (this.#isDraining) exchange.drain();
    this.#pump(job.service);
  }

  #endStream(job: Job): void {
    if (job.phase.kind !== "streaming") return;
    this.#leave(job);
    this.#end(job);
  }

  /** Nobody began it: whoever it was sent to gets nothing more, and it goes elsewhere. */
  #onRefused(job: Job, target: Target, verdict: "no-responders" | "draining"): void {
    const { instances } = this.#options;
    job.sends -= 1;
    if (target === "shared") {
      this.#foreign.delete(job.service);
      job.hasTriedShared = true;
    } else if (verdict === "draining") instances.markDraining(target);
    else instances.markUnreachable(target);
    this.#park(job, target === "shared" ? "admit" : "readmit");
  }

  #onHoldOver(job: Job): void {
    // While NATS is away nobody could have been found: the deadline alone limits the hold (I6).
    if (job.phase.kind === "held" && this.#options.nats.state === "connected") this.#fail(job, "NO_CONSUMER");
  }

  #onDeadline(job: Job): void {
    const isHeld = job.phase.kind === "held";
    if (!isHeld) this.#options.observer.replied(job.service, "timeout");
    this.#fail(job, isHeld ? "NO_CONSUMER" : "DEADLINE_EXCEEDED");
  }
}

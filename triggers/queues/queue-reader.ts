/**
 * Reads one durable consumer for a function, and settles each of its messages by the function's verdict.
 *
 * I1  A message is acked after its handler took it, or when its dead letter is written. Never before.
 * I2  At most `slots` batches are under way here, and no more messages are asked for than these can have.
 * I3  A message that is held here is extended, so that the server gives it to no other reader.
 * I4  A batch that no instance began, as none can run, stays here and is tried again: its messages use up no delivery.
 * I5  A message whose instance ended during its last delivery, while other batches were under way here, is not buried: one
 *     of the others may have ended the instance. It runs once more, and nothing else of this reader beside it.
 * I6  A reader that closes gives back at once the messages that no handler has, and at the end of the grace the rest.
 * I7  A delivery that was given back before a handler began, or that the end of the grace cut off, is no delivery for the function:
 *     it is noted before it is given back, and is not counted when the message comes again.
 * I9  A handler that the end of the grace cuts off may note its own facts before its messages are given back.
 * I8  A message that was settled here does not go to its handler again because its server was killed (settled-messages.ts).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type DeadError, messageOf, type Verdict } from "../../contracts/index.ts";
import {
  type ConsumerOutcome,
  type DurableConsumer,
  ensureConsumer,
  type GivenBack,
  type Nats,
  Pull,
  type PulledMessage,
} from "../../nats/index.ts";
import { Batches } from "./batches.ts";
import { backoffMs, decideEnd, type RetryPolicy } from "./decide-end.ts";
import { SettledMessages } from "./settled-messages.ts";

/** The result of a batch. */
export type BatchResult =
  /** One verdict for each message. `error`: the handler threw it. */
  | { kind: "answered"; verdicts: readonly Verdict[]; error?: DeadError | undefined }
  /** The handler may have begun, and did not answer. `hasEnded`: its instance ended, with all that it was doing. */
  | { kind: "failed"; error: DeadError; hasEnded?: boolean }
  /** No handler began. */
  | { kind: "not-begun"; code: string };

/** Where a reader's consumer stands. */
export type ReaderState = { kind: "starting" } | { kind: "closed" } | ConsumerOutcome;

export interface QueueReaderOptions {
  nats: Nats;
  consumer: DurableConsumer;
  size: number;
  waitMs: number;
  slots: number;
  policy: RetryPolicy;
  handle(messages: readonly PulledMessage[], signal: AbortSignal): Promise<BatchResult>;
  /** Writes a dead letter; resolves when it is stored. */
  bury(message: PulledMessage, error: DeadError): Promise<void>;
  /** Whether the function takes a message at all. Others are acked. Default: each. */
  takes?: ((message: PulledMessage) => boolean) | undefined;
  /** Keeps I7. Default: every delivery counts. */
  givenBack?: GivenBack | undefined;
  events: QueueEvents;
}

/** The events of a reader. */
export interface QueueEvents {
  state(state: ReaderState): void;
  /** A number of messages came to an end. */
  settled(end: "ack" | "retry" | "dead" | "given-back", count: number): void;
  /** The messages that wait in the stream, as far as the last message says. */
  depth(pending: number): void;
  fault(error: unknown, doing: string): void;
}

/** The pauses between two looks for a consumer that cannot be had, and between two tries to begin a batch. */
const PAUSES: RetryPolicy = { maxDeliver: Number.POSITIVE_INFINITY, minMs: 500, maxMs: 15_000 };
/** How long a message is kept back until its delivery is noted: it is given back without, where NATS does not answer. */
const NOTE_MS = 2_000;
const NO_VERDICT: Verdict = { kind: "retry", delaySeconds: undefined };

export class QueueReader {
  readonly #options: QueueReaderOptions;
  readonly #closing = new AbortController();
  readonly #grace = new AbortController();
  readonly #batches: Batches<PulledMessage>;
  /** With the number of its deliveries that do not count; undefined: not known. */
  readonly #held = new Map<PulledMessage, number | undefined>();
  /** Questions and notes of I7 under way. */
  readonly #noting = new Set<Promise<void>>();
  readonly #running = new Set<Promise<void>>();
  readonly #settled: SettledMessages;
  /** Messages of I5 that wait for their run. */
  readonly #suspects: PulledMessage[] = [];
  #isSuspectRunning = false;
  /** Batches that were begun here. */
  #begun = 0;
  /** Runs while messages are held. */
  #extending: NodeJS.Timeout | undefined;
  #pull: Pull | undefined;
  #isLooking = false;

  constructor(options: QueueReaderOptions) {
    const { size, waitMs, policy, consumer } = options;
    this.#options = options;
    this.#settled = new SettledMessages(consumer.ackWaitMs);
    this.#batches = new Batches({
      size,
      waitMs,
      isAlone: (message) => isLast(message, policy),
      onDue: () => this.#begin(),
    });
  }

  get inFlight(): number {
    return this.#held.size;
  }

  /** Begins to read, as soon as the consumer can be had. */
  start(): void {
    void this.#look();
  }

  /** Stops reading. Batches under way are finished, within `graceMs`; all other messages are given back at once. */
  async close(graceMs: number): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    const waiting = [...this.#suspects.splice(0), ...this.#batches.clear()];
    for (const message of waiting) this.#giveBack(message);
    await this.#pull?.close();
    await Promise.all(this.#noting);
    if (this.#running.size > 0) {
      const timer = setTimeout(() => this.#grace.abort(), graceMs);
      await Promise.allSettled(this.#running);
      clearTimeout(timer);
      await Promise.all(this.#noting);
    }
    this.#options.events.state({ kind: "closed" });
  }

  /** Makes the consumer, or looks whether it is still there, until it can be read. */
  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const { nats, consumer, events, size, slots } = this.#options;
    const { signal } = this.#closing;
    for (let tries = 1; !signal.aborted; tries++) {
      const outcome = await ensureConsumer(nats, consumer).catch((error: unknown) => {
        events.fault(error, "make the consumer");
        return undefined;
      });
      if (signal.aborted) break;
      if (outcome !== undefined) events.state(outcome);
      if (outcome?.kind === "ready") {
        events.depth(outcome.pending);
        this.#settled.ready(outcome.made, performance.now());
        if (this.#pull === undefined) this.#open().want(size * slots);
        else this.#pull.resume();
        break;
      }
      await sleep(backoffMs(tries, PAUSES, Math.random()), undefined, { signal }).catch(() => undefined);
    }
    this.#isLooking = false;
  }

  #open(): Pull {
    const { nats, consumer } = this.#options;
    this.#pull = new Pull({
      nats,
      stream: consumer.stream,
      consumer: consumer.name,
      onMessage: (message) => this.#take(message),
      onLate: (message) => this.#giveBack(message),
      onTrouble: () => void this.#look(),
    });
    return this.#pull;
  }

  #take(message: PulledMessage): void {
    const { takes, events, givenBack } = this.#options;
    events.depth(message.pending);
    if (this.#closing.signal.aborted) this.#giveBack(message);
    else if (takes?.(message) === false || this.#isForgotten(message)) {
      message.ack();
      this.#pull?.want(1);
    } else if (givenBack === undefined || message.deliveries === 1) this.#keep(message, 0);
    else {
      this.#hold(message, undefined);
      this.#noteMeanwhile(this.#recount(message, givenBack));
    }
  }

  #isForgotten({ sequence }: PulledMessage): boolean {
    return this.#settled.takeForgotten(sequence, performance.now());
  }

  #keep(message: PulledMessage, uncounted: number): void {
    this.#hold(message, uncounted);
    this.#batches.add(message);
  }

  #hold(message: PulledMessage, uncounted: number | undefined): void {
    this.#held.set(message, uncounted);
    this.#extending ??= setInterval(() => this.#extend(), this.#options.consumer.ackWaitMs / 3);
  }

  /** The message that its function gets has the deliveries that count (I7). */
  async #recount(message: PulledMessage, givenBack: GivenBack): Promise<void> {
    const uncounted = await givenBack.countOf(message).catch((error: unknown) => {
      this.#options.events.fault(error, "count the deliveries of a message");
      return 0;
    });
    if (this.#closing.signal.aborted) {
      this.#held.set(message, uncounted);
      return this.#giveBack(message);
    }
    this.#held.delete(message);
    this.#keep({ ...message, deliveries: Math.max(1, message.deliveries - uncounted) }, uncounted);
  }

  #noteMeanwhile(work: Promise<void>): void {
    const noting: Promise<void> = work.finally(() => this.#noting.delete(noting));
    this.#noting.add(noting);
  }

  #begin(): void {
    while (this.#running.size < this.#options.slots && !this.#isSuspectRunning) {
      const batch = this.#next();
      if (batch === undefined) return;
      const running: Promise<void> = this.#run(batch).finally(() => {
        this.#running.delete(running);
        this.#isSuspectRunning = false;
        this.#begin();
      });
      this.#running.add(running);
    }
  }

  /** The next batch, unless it has to wait until no other one is under way. */
  #next(): readonly PulledMessage[] | undefined {
    if (this.#suspects.length === 0) return this.#batches.take();
    if (this.#running.size > 0) return undefined;
    this.#isSuspectRunning = true;
    return this.#suspects.splice(0, 1);
  }

  async #run(batch: readonly PulledMessage[]): Promise<void> {
    const others = this.#running.size;
    const begun = ++this.#begun;
    const result = await this.#handle(batch);
    const hadCompany = others > 0 || this.#begun > begun;
    if (result?.kind === "failed" && result.hasEnded === true && hadCompany && this.#isLast(batch)) {
      this.#suspects.push(...batch);
      return;
    }
    if (result === undefined || result.kind === "not-begun") {
      for (const message of batch) this.#giveBack(message);
      return;
    }
    await Promise.all(batch.map((message, at) => this.#settle(message, result, at)));
  }

  #isLast([first]: readonly PulledMessage[]): boolean {
    return first !== undefined && !this.#closing.signal.aborted && isLast(first, this.#options.policy);
  }

  /** The result of a batch, once a handler began it. Undefined: the end of the grace cut it off. */
  async #handle(batch: readonly PulledMessage[]): Promise<BatchResult | undefined> {
    const closing = this.#closing.signal;
    const grace = this.#grace.signal;
    const { promise: graceOver, resolve } = Promise.withResolvers<undefined>();
    const onGraceOver = () => resolve(undefined);
    grace.addEventListener("abort", onGraceOver, { once: true });
    try {
      for (let tries = 1; ; tries++) {
        const call = this.#call(batch);
        const result = await Promise.race([graceOver, call]);
        if (grace.aborted) return await cutOff(call);
        if (result?.kind !== "not-begun" || closing.aborted) return result;
        const pauseMs = backoffMs(tries, PAUSES, Math.random());
        await sleep(pauseMs, undefined, { signal: closing }).catch(() => undefined);
        if (closing.aborted) return result;
      }
    } finally {
      grace.removeEventListener("abort", onGraceOver);
    }
  }

  async #call(batch: readonly PulledMessage[]): Promise<BatchResult> {
    const { handle, events } = this.#options;
    try {
      return await handle(batch, this.#grace.signal);
    } catch (error) {
      events.fault(error, "handle a batch");
      return { kind: "failed", error: { message: messageOf(error) } };
    }
  }

  async #settle(
    message: PulledMessage,
    result: Exclude<BatchResult, { kind: "not-begun" }>,
    at: number,
  ): Promise<void> {
    const { policy, bury, events } = this.#options;
    const verdict = result.kind === "answered" ? (result.verdicts[at] ?? NO_VERDICT) : NO_VERDICT;
    const end = decideEnd(verdict, message.deliveries, policy, Math.random());
    if (end.kind === "ack") this.#ack(message);
    else if (end.kind === "retry") message.giveBack(end.delayMs);
    else {
      const error = result.error ?? { message: "the handler asked for a retry" };
      try {
        await bury(message, error);
        this.#ack(message);
      } catch (fault) {
        events.fault(fault, "write a dead letter");
        message.giveBack(backoffMs(message.deliveries, policy, Math.random()));
        this.#release(message, "retry");
        return;
      }
    }
    this.#release(message, end.kind);
  }

  #ack(message: PulledMessage): void {
    message.ack();
    this.#settled.settled(message.sequence, performance.now());
  }

  #giveBack(message: PulledMessage): void {
    const { givenBack } = this.#options;
    if (givenBack === undefined) {
      message.giveBack();
      this.#release(message, "given-back");
    } else this.#noteMeanwhile(this.#giveBackNoted(message, givenBack));
  }

  async #giveBackNoted(message: PulledMessage, givenBack: GivenBack): Promise<void> {
    const known = this.#held.get(message) ?? (message.deliveries === 1 ? 0 : undefined);
    const note = async () => givenBack.note(message, (known ?? (await givenBack.countOf(message))) + 1);
    const late = sleep(NOTE_MS, undefined, { ref: false });
    await Promise.race([note(), late]).catch((error: unknown) =>
      this.#options.events.fault(error, "note that a delivery does not count"),
    );
    message.giveBack();
    this.#release(message, "given-back");
  }

  #release(message: PulledMessage, end: Parameters<QueueEvents["settled"]>[0]): void {
    this.#held.delete(message);
    if (this.#held.size === 0) {
      clearInterval(this.#extending);
      this.#extending = undefined;
    }
    this.#options.events.settled(end, 1);
    if (!this.#closing.signal.aborted) this.#pull?.want(1);
  }

  #extend(): void {
    for (const message of this.#held.keys()) message.extend();
  }
}

/** The result of a call at the end of the grace: an answer that came in time counts (I9). */
async function cutOff(call: Promise<BatchResult>): Promise<BatchResult | undefined> {
  const noted = new AbortController();
  const late = sleep(NOTE_MS, undefined, { signal: noted.signal, ref: false }).catch(() => undefined);
  const result = await Promise.race([call, late]);
  noted.abort();
  return result?.kind === "answered" ? result : undefined;
}

/** Whether a message failed before, and is delivered for the last time. */
function isLast({ deliveries }: PulledMessage, { maxDeliver }: RetryPolicy): boolean {
  return deliveries > 1 && deliveries >= maxDeliver;
}

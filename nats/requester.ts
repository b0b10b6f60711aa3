/**
 * Requests over one inbox subscription, as the client library's own request, without its timer and error object for
 * each: the gateway has one deadline for a request, however often it is sent, and may want more than one reply.
 *
 * I1  No two requests under way have the same number. The numbers go up to 2^32 - 1 and begin again at 0, so that an
 *     unsigned integer of 32 bits carries one.
 * I2  A number is used on one way only: over NATS, or over another one that its owner knows. Replies that come over NATS
 *     reach its owner in both cases, as an answerer may send a kept reply again (ledger.ts).
 * I3  Requests that are held leave in their order when the hold ends. One that was released by then never leaves.
 */
import { type NarunError, NumberTable } from "../contracts/index.ts";
import type { Headers } from "./headers.ts";
import type { Message, MessageParts } from "./message.ts";
import { formatNumber, numberIn } from "./request-number.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** A request under way. Its sender releases it: after the reply, or when it no longer waits. */
export interface PendingReply {
  /** An unsigned integer of 32 bits: the end of the subject of its replies, in base 36. */
  readonly number: number;
  /** The subject of its replies: no other request has the same. */
  readonly subject: string;
  release(): void;
}

export interface RequesterOptions {
  /** Where replies come, with a further token for each. */
  inbox: string;
  parts: MessageParts;
  subscriptions: Subscriptions;
  /** Adds a listener for every subject that the server does not permit. */
  onRefused(listener: (refusal: NarunError) => void): void;
  onHandlerError(error: unknown, subject: string): void;
  /** The number of the first request. Default: 0. */
  firstNumber?: number;
}

type OnReply = (message: Message) => void;
type OnRefused = (refusal: NarunError) => void;

class Pending implements PendingReply {
  readonly #prefix: string;
  readonly #table: NumberTable<Pending>;
  /** Called when its first reply comes, or when it is released. */
  onAnswered: (() => void) | undefined;
  /** A reply has come: a stream's further ones may follow. */
  isAnswered = false;
  readonly number: number;
  readonly onReply: OnReply;
  readonly onRefused: OnRefused;
  /** The subject of the request, as it is on the wire; undefined where it goes another way. */
  readonly sentTo: string | undefined;

  constructor(
    prefix: string,
    table: NumberTable<Pending>,
    number: number,
    onReply: OnReply,
    onRefused: OnRefused,
    sentTo: string | undefined,
  ) {
    this.#prefix = prefix;
    this.#table = table;
    this.number = number;
    this.onReply = onReply;
    this.onRefused = onRefused;
    this.sentTo = sentTo;
  }

  get subject(): string {
    return this.#prefix + formatNumber(this.number);
  }

  get isReleased(): boolean {
    return this.#table.get(this.number) !== this;
  }

  noteReply(): void {
    this.isAnswered = true;
    this.#tellAnswered();
  }

  release(): void {
    // The number may be another request's by now.
    if (!this.isReleased) this.#table.delete(this.number);
    this.#tellAnswered();
  }

  #tellAnswered(): void {
    this.onAnswered?.();
    this.onAnswered = undefined;
  }
}

export class Requester {
  /** The subject of a request's replies is this prefix, and its number in base 36. */
  readonly prefix: string;
  readonly #options: RequesterOptions;
  readonly #pending = new NumberTable<Pending>();
  #next: number;
  #isSubscribed = false;
  /** The requests that leave when the hold ends. */
  #held: { pending: Pending; leave(): void }[] | undefined;

  constructor(options: RequesterOptions) {
    this.#options = options;
    this.prefix = `${options.inbox}.`;
    this.#next = options.firstNumber ?? 0;
    options.onRefused((refusal) => this.#onRefused(refusal));
  }

  send(
    subject: string,
    data: Uint8Array | string,
    headers: Headers,
    onReply: OnReply,
    onRefused: OnRefused = () => undefined,
  ): PendingReply {
    const { outbox, world } = this.#options.parts;
    const wire = world.toWire(subject);
    const pending = this.#add(onReply, onRefused, wire);
    try {
      const parts = { reply: pending.subject, headers };
      if (this.#held === undefined) outbox.publish(wire, data, parts);
      else this.#held.push({ pending, leave: outbox.prepare(wire, data, parts) });
    } catch (error) {
      pending.release();
      throw error;
    }
    return pending;
  }

  /**
   * Holds the requests that come from now on. Resolves when those that have left are answered or released, at the latest after
   * `maxMs`.
   */
  async hold(maxMs: number): Promise<void> {
    this.#held ??= [];
    const held = new Set(this.#held.map(({ pending }) => pending));
    const { promise, resolve } = Promise.withResolvers<void>();
    let open = 1;
    const onAnswered = () => {
      open -= 1;
      if (open === 0) resolve();
    };
    for (const pending of this.#pending.values()) {
      if (pending.isAnswered || pending.sentTo === undefined || held.has(pending)) continue;
      open += 1;
      pending.onAnswered = onAnswered;
    }
    const timer = setTimeout(resolve, maxMs);
    onAnswered();
    await promise;
    clearTimeout(timer);
  }

  /** Ends a hold. */
  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const { pending, leave } of held) if (!pending.isReleased) leave();
  }

  /**
   * A number for a request that goes another way than over NATS. `onReply`: a reply came over NATS all the same.
   * `onRefused`: the server does not permit the inbox, so that none will come.
   */
  reserve(onReply: OnReply, onRefused: OnRefused = () => undefined): PendingReply {
    return this.#add(onReply, onRefused, undefined);
  }

  #add(onReply: OnReply, onRefused: OnRefused, sentTo: string | undefined): Pending {
    if (!this.#isSubscribed) this.#subscribe();
    while (this.#pending.has(this.#next)) this.#next = (this.#next + 1) >>> 0;
    const number = this.#next;
    this.#next = (number + 1) >>> 0;
    const pending = new Pending(this.prefix, this.#pending, number, onReply, onRefused, sentTo);
    this.#pending.set(number, pending);
    return pending;
  }

  #subscribe(): void {
    this.#isSubscribed = true;
    this.#options.subscriptions.openInbox(`${this.prefix}*`, (text, from, to) => {
      const number = numberIn(text, from + this.prefix.length, to);
      const pending = this.#pending.get(number);
      if (pending?.isAnswered === false) pending.noteReply();
      return pending?.onReply;
    });
  }

  #onRefused(refusal: NarunError): void {
    const { operation, subject } = refusal.fields;
    if (operation === "publish") {
      // Each refusal is of one message; earlier ones were let through.
      const newest = [...this.#pending.values()].findLast(({ sentTo }) => sentTo === subject);
      if (newest !== undefined) this.#refuse([newest], refusal);
    } else if (subject === `${this.prefix}*`) {
      // The next request tries again: permissions may change.
      this.#isSubscribed = false;
      this.#refuse([...this.#pending.values()], refusal);
    }
  }

  #refuse(requests: readonly Pending[], refusal: NarunError): void {
    for (const request of requests) {
      if (!this.#pending.delete(request.number)) continue;
      try {
        request.onRefused(refusal);
      } catch (thrown) {
        this.#options.onHandlerError(thrown, request.sentTo ?? this.prefix);
      }
    }
  }
}

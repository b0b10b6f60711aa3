/**
 * Subjects of one queue group, by the thousand: on the own transport none of them holds an object of this process.
 *
 * I1  A subject that was added is live on the server after the next `Nats.flush()`. After a break all of them are added again.
 * I2  Messages that the server has sent before it heard of a removal are handed over.
 * I3  An error of the handler ends nothing.
 */
import type { Message, MessageParts } from "./message.ts";
import { ReadMessage } from "./message.ts";
import type { Subscription, Subscriptions } from "./subscriptions.ts";
import type { Wire, WireWriter } from "./transport/wire.ts";

export interface SubjectSet {
  readonly size: number;
  has(subject: string): boolean;
  /** Begins to take the messages on a subject. */
  add(subject: string): void;
  /** Ends that (I2). */
  delete(subject: string): void;
  /** Ends all of them. */
  close(): void;
}

export interface SubjectSetOptions {
  wire: Wire;
  writer: WireWriter;
  parts: MessageParts;
  subscriptions: Subscriptions;
  queue: string;
  handle(message: Message): void;
  onHandlerError(error: unknown, subject: string): void;
  /** Calls back when the connection is back; returns the function that ends it. */
  onConnected(listener: () => void): () => void;
}

/** Opens an empty set. */
export function openSubjectSet(options: SubjectSetOptions): SubjectSet {
  const { wire, writer } = options;
  const { takeRange } = wire;
  const { command } = writer;
  if (takeRange === undefined || command === undefined) return new LibrarySet(options);
  return new OwnSet(options, takeRange, command.bind(writer));
}

/** The library keeps a subscription of each subject. */
class LibrarySet implements SubjectSet {
  readonly #options: SubjectSetOptions;
  readonly #subscriptions = new Map<string, Subscription>();

  constructor(options: SubjectSetOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#subscriptions.size;
  }

  has(subject: string): boolean {
    return this.#subscriptions.has(subject);
  }

  add(subject: string): void {
    if (this.has(subject)) return;
    const { subscriptions, queue, handle } = this.#options;
    this.#subscriptions.set(subject, subscriptions.open(subject, queue, handle));
  }

  delete(subject: string): void {
    const subscription = this.#subscriptions.get(subject);
    this.#subscriptions.delete(subject);
    void subscription?.drain().catch(() => undefined);
  }

  close(): void {
    for (const subscription of this.#subscriptions.values()) subscription.unsubscribe();
    this.#subscriptions.clear();
  }
}

class OwnSet implements SubjectSet {
  readonly #queue: string;
  readonly #command: (text: string) => void;
  /** The subjects, each with its number at the server. */
  readonly #numbers = new Map<string, number>();
  readonly #range: { readonly first: number; end(): void };
  readonly #forget: () => void;
  #next: number;

  constructor(
    { queue, parts, handle, onHandlerError, onConnected }: SubjectSetOptions,
    takeRange: NonNullable<Wire["takeRange"]>,
    command: (text: string) => void,
  ) {
    this.#queue = queue;
    this.#command = command;
    this.#range = takeRange((head, line, data) => {
      const message = new ReadMessage(head, line, data, parts);
      try {
        handle(message);
      } catch (thrown) {
        onHandlerError(thrown, message.subject);
      }
    });
    this.#next = this.#range.first;
    this.#forget = onConnected(() => {
      let all = "";
      for (const [subject, number] of this.#numbers) all += this.#subscribing(subject, number);
      if (all !== "") command(all);
    });
  }

  get size(): number {
    return this.#numbers.size;
  }

  has(subject: string): boolean {
    return this.#numbers.has(subject);
  }

  add(subject: string): void {
    if (this.#numbers.has(subject)) return;
    const number = this.#next++;
    this.#numbers.set(subject, number);
    this.#command(this.#subscribing(subject, number));
  }

  delete(subject: string): void {
    const number = this.#numbers.get(subject);
    if (number === undefined) return;
    this.#numbers.delete(subject);
    this.#command(`UNSUB ${number}\r\n`);
  }

  close(): void {
    this.#forget();
    for (const subject of [...this.#numbers.keys()]) this.delete(subject);
    this.#range.end();
  }

  #subscribing(subject: string, number: number): string {
    return `SUB ${subject} ${this.#queue} ${number}\r\n`;
  }
}

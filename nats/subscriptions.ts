/**
 * The subscriptions of a connection. Their messages come from the connection's reader (transport/splitter.ts), or from the
 * client library on the plain transport. The library keeps their names at the server: it subscribes again after a break, and
 * hears of refusals.
 *
 * I1  An error of a handler ends neither the subscription nor the reader.
 */
import type { Subscription as LibrarySubscription } from "@nats-io/transport-node";
import type { NarunError } from "../contracts/index.ts";
import { LibraryMessage, type Message, type MessageParts, ReadMessage } from "./message.ts";
import { refusalOf } from "./permissions.ts";
import type { Wire } from "./transport/wire.ts";

/** A subscription that the server does not permit gets nothing: `Nats.confirm` reports it. */
export interface Subscription {
  /** Takes nothing more, at once; messages that the server already sent are dropped. */
  unsubscribe(): void;
  /** Takes nothing more from the server; resolves when all messages that it already sent have been handed over. */
  drain(): Promise<void>;
}

export interface SubscriptionsOptions {
  wire: Wire;
  parts: MessageParts;
  onHandlerError(error: unknown, subject: string): void;
}

export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  /** Subscriptions that the server does not permit. */
  readonly #refused = new Map<Subscription, NarunError>();

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /** Subscribes to a subject as it is on the wire. */
  open(subject: string, queue: string | undefined, handle: (message: Message) => void): Subscription {
    const { wire, parts, onHandlerError } = this.#options;
    const hand = (message: Message) => {
      try {
        handle(message);
      } catch (thrown) {
        onHandlerError(thrown, parts.world.fromWire(subject));
      }
    };
    const subscription = wire.connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (error === null) return hand(new LibraryMessage(message, parts));
        // The library reports its own closing this way, too; the state listener tells of it.
        const refusal = refusalOf(error);
        if (refusal !== undefined) this.#refused.set(opened, refusal);
      },
    });
    const endTaking = wire.takeMessages(subscription.getID(), (head, line, data) =>
      hand(new ReadMessage(head, line, data, parts)),
    );
    const opened: Subscription = {
      unsubscribe: () => {
        this.#refused.delete(opened);
        endTaking();
        subscription.unsubscribe();
      },
      drain: async () => {
        this.#refused.delete(opened);
        parts.outbox.flush();
        await drained(wire, subscription).finally(endTaking);
      },
    };
    return opened;
  }

  /**
   * Subscribes to the subjects of replies, as long as the connection lasts. `find` gets the place of a reply's subject in a
   * text; returns the handler of the reply, undefined where it is not wanted.
   */
  openInbox(
    subject: string,
    find: (text: string, from: number, to: number) => ((message: Message) => void) | undefined,
  ): void {
    const { wire, parts, onHandlerError } = this.#options;
    const hand = (handle: ((message: Message) => void) | undefined, message: Message) => {
      try {
        handle?.(message);
      } catch (thrown) {
        onHandlerError(thrown, subject);
      }
    };
    const subscription = wire.connection.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return;
        const { subject: own } = message;
        hand(find(own, 0, own.length), new LibraryMessage(message, parts));
      },
    });
    wire.takeMessages(subscription.getID(), (head, line, data) => {
      const handle = find(head, line.subjectFrom, line.subjectTo);
      if (handle !== undefined) hand(handle, new ReadMessage(head, line, data, parts));
    });
  }

  /** Throws the refusal of one of these subscriptions. Default: of any. */
  confirm(subscriptions: Iterable<Subscription> = this.#refused.keys()): void {
    for (const subscription of subscriptions) {
      const refusal = this.#refused.get(subscription);
      if (refusal !== undefined) throw refusal;
    }
  }
}

/** A subscription of a closed connection has nothing left to hand over. */
function drained({ connection }: Wire, subscription: LibrarySubscription): Promise<void> {
  return subscription.isClosed() || connection.isClosed() ? Promise.resolve() : subscription.drain();
}

import { createInbox, type NatsConnection } from "@nats-io/transport-node";
import type { Headers } from "./headers.ts";
import { type Message, toMessage } from "./message.ts";
import type { Outbox } from "./outbox.ts";
import type { World } from "./world.ts";

/** A request under way. Whoever sent it releases it: after the reply, or when it no longer waits. */
export interface PendingReply {
  /** Where its replies come: no other request has the same. */
  readonly subject: string;
  release(): void;
}

export interface RequesterOptions {
  connection: NatsConnection;
  outbox: Outbox;
  world: World;
  onHandlerError(error: unknown, subject: string): void;
}

/**
 * Requests over one inbox subscription, as the client library's own request, without its timer and error object for
 * each: the gateway has one deadline for a request, however often it is sent, and may want more than one reply.
 */
export function createRequester({ connection, outbox, world, onHandlerError }: RequesterOptions) {
  const pending = new Map<string, (message: Message) => void>();
  const prefix = `${createInbox()}.`;
  let next = 0;
  let isSubscribed = false;

  const subscribe = () => {
    isSubscribed = true;
    connection.subscribe(`${prefix}*`, {
      callback: (error, message) => {
        if (error !== null) return;
        try {
          pending.get(message.subject.slice(prefix.length))?.(toMessage(message, outbox, world));
        } catch (thrown) {
          onHandlerError(thrown, message.subject);
        }
      },
    });
  };

  return {
    send(
      subject: string,
      data: Uint8Array,
      headers: Headers,
      onReply: (message: Message) => void,
    ): PendingReply {
      if (!isSubscribed) subscribe();
      const token = (next++).toString(36);
      const inbox = prefix + token;
      pending.set(token, onReply);
      try {
        outbox.publish(world.toWire(subject), data, { reply: inbox, headers });
      } catch (error) {
        pending.delete(token);
        throw error;
      }
      return { subject: inbox, release: () => pending.delete(token) };
    },
  };
}

import { createInbox, type NatsConnection } from "@nats-io/transport-node";
import type { NarunError } from "../contracts/index.ts";
import type { Headers } from "./headers.ts";
import { type Message, type MessageParts, toMessage } from "./message.ts";

/** A request under way. Its sender releases it: after the reply, or when it no longer waits. */
export interface PendingReply {
  /** The subject of its replies: no other request has the same. */
  readonly subject: string;
  release(): void;
}

export interface RequesterOptions {
  connection: NatsConnection;
  parts: MessageParts;
  /** Adds a listener for every subject that the server does not permit. */
  onRefused(listener: (refusal: NarunError) => void): void;
  onHandlerError(error: unknown, subject: string): void;
}

interface Pending {
  subject: string;
  onReply(message: Message): void;
  onRefused(refusal: NarunError): void;
}

/**
 * Requests over one inbox subscription, as the client library's own request, without its timer and error object for
 * each: the gateway has one deadline for a request, however often it is sent, and may want more than one reply.
 */
export function createRequester({ connection, parts, onRefused, onHandlerError }: RequesterOptions) {
  const { outbox, world } = parts;
  const pending = new Map<string, Pending>();
  const prefix = `${createInbox()}.`;
  const inbox = `${prefix}*`;
  let next = 0;
  let isSubscribed = false;

  const refuse = (requests: Iterable<[string, Pending]>, refusal: NarunError) => {
    for (const [token, request] of requests) {
      if (!pending.delete(token)) continue;
      try {
        request.onRefused(refusal);
      } catch (thrown) {
        onHandlerError(thrown, request.subject);
      }
    }
  };
  onRefused((refusal) => {
    const { operation, subject } = refusal.fields;
    if (operation === "publish") {
      // Each refusal is of one message; earlier ones were let through.
      const newest = [...pending].findLast(([, request]) => request.subject === subject);
      if (newest !== undefined) refuse([newest], refusal);
    } else if (subject === inbox) {
      // The next request tries again: permissions may change.
      isSubscribed = false;
      refuse([...pending], refusal);
    }
  });

  const subscribe = () => {
    isSubscribed = true;
    connection.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null) return;
        try {
          pending.get(message.subject.slice(prefix.length))?.onReply(toMessage(message, parts));
        } catch (thrown) {
          onHandlerError(thrown, message.subject);
        }
      },
    });
  };

  return {
    send(
      subject: string,
      data: Uint8Array | string,
      headers: Headers,
      onReply: Pending["onReply"],
      onRefused: Pending["onRefused"] = () => undefined,
    ): PendingReply {
      if (!isSubscribed) subscribe();
      const token = (next++).toString(36);
      const inbox = prefix + token;
      const wire = world.toWire(subject);
      pending.set(token, { subject: wire, onReply, onRefused });
      try {
        outbox.publish(wire, data, { reply: inbox, headers });
      } catch (error) {
        pending.delete(token);
        throw error;
      }
      return { subject: inbox, release: () => pending.delete(token) };
    },
  };
}

export type Requester = ReturnType<typeof createRequester>;

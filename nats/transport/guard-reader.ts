import type { NatsConnection } from "@nats-io/transport-node";

/** The fields of the library's connection that its types do not show. */
interface Protocol {
  processMsg(message: { readonly subject: Uint8Array }, data: Uint8Array): void;
}

/**
 * Keeps an error at one message from ending the connection's reader, which would never read again: the library throws
 * in its callbacks at header fields that other clients can send.
 */
export function guardReader(
  connection: NatsConnection,
  onError: (error: unknown, subject: string) => void,
): void {
  const { protocol } = connection as unknown as { protocol: Protocol };
  const process = protocol.processMsg.bind(protocol);
  protocol.processMsg = (message, data) => {
    try {
      process(message, data);
    } catch (error) {
      onError(error, Buffer.from(message.subject).toString());
    }
  };
}

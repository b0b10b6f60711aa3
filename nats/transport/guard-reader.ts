import type { NatsConnection } from "@nats-io/transport-node";

/** What there is of the library's connection, and its types do not show. */
interface Protocol {
  processMsg(message: { readonly subject: Uint8Array }, data: Uint8Array): void;
}

/**
 * Keeps what is thrown at one message from ending the connection's reader, which never reads again: the library itself
 * throws in its callbacks at header fields that other clients can send.
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

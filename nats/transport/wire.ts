import type { connect as connectLibrary, NatsConnection, TlsOptions } from "@nats-io/transport-node";
import type { FrameSink, Taker } from "./splitter.ts";

/** `own`: own.ts with writer.ts and splitter.ts. `plain`: the client library alone. */
export type NatsTransport = "own" | "plain";

/** A message that leaves. Texts are UTF-8 with a character a byte (byte-text.ts). */
export interface Outgoing {
  subject: string;
  reply?: string | undefined;
  /** Header fields as lines, each with its line end (`formatFields`). Default: none. */
  fields?: string;
  /** It stays as it is until it has left, when `onSent` is called. */
  payload: Uint8Array | string;
  onSent?: (() => void) | undefined;
}

/** How narun's messages leave and arrive on a connection of the client library. */
export interface Wire {
  readonly connection: NatsConnection;
  /** `isAway`: the connection has no server. `onError`: a message could not be handed over. */
  open(options: { isAway(): boolean; onError(error: unknown, subject: string): void }): WireWriter;
  /**
   * Shows the messages of a subscription to `taker` in place of its callback, by the number that the library gave it; returns
   * the function that ends it. On the plain transport the callback gets them.
   */
  takeMessages(sid: number, taker: Taker): () => void;
  /**
   * Shows the messages of a range of subscription numbers, which the library never gives, to `taker`. They are subscribed to by
   * `WireWriter.command`. Undefined: the plain transport has no such numbers.
   */
  takeRange?(taker: Taker): { readonly first: number; end(): void };
  /** Shows the data frames that come on a subject, which is subscribed to, to `sink`; returns the function that ends it. */
  takeData(subject: string, sink: FrameSink): () => void;
}

export interface WireWriter {
  /** The connection has a server that takes messages. */
  readonly isOpen: boolean;
  /** Returns whether there is a server. Without one the message is dropped, and counts as sent. */
  write(message: Outgoing): boolean;
  /** Sends a data frame of a stream. */
  writeData(subject: string, seq: number, payload: Uint8Array, onSent?: () => void): void;
  /** Sends whole commands of the protocol. Without a server they are dropped. Undefined on the plain transport. */
  command?(text: string): void;
  flush(): void;
}

/** Options of the library, and two of the wire's own. */
export interface WireOptions extends NonNullable<Parameters<typeof connectLibrary>[0]> {
  /** Undefined where the server decides about TLS. The own transport asks at each connect, as certificates are renewed. */
  readTls(): TlsOptions | undefined;
  /** Called with the reason why a socket broke: the library says only that no connection came about in time. */
  onSocketError(error: Error): void;
}

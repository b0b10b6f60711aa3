/**
 * A door: a protocol by which requests come in from outside. It turns a request into a `DispatchRequest`, and the result into
 * an answer of its protocol.
 */
export interface Door {
  /** Its address is announced as `narun.<name>` in the gateway's metadata, and logged under the name. */
  readonly name: string;
  /** Begins to take requests. Resolves with the address that clients use. */
  listen(): Promise<string>;
  /**
   * Serves as before, and tells its clients to go to other gateways. Resolves when no client is connected, after `forMs` at
   * the latest. Left out where clients of the protocol hold no connection to the gateway.
   */
  leave?(forMs: number): Promise<void>;
  /** Refuses new requests, and finishes its open ones. Resolves when they are finished, after `graceMs` at the latest. */
  drain(options: { graceMs: number }): Promise<void>;
  /** Ends at once. Answers that are being written get a moment. The door may never have listened. */
  close(): Promise<void>;
}

/** The addresses of the doors that are open, by name. */
export type Addresses = ReadonlyMap<string, string>;

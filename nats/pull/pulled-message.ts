import type { Headers } from "../headers.ts";

/** How the server knows a message of a pull consumer: the tokens of the subject of its acks. */
export interface Delivery {
  /** Its sequence in the stream. */
  sequence: number;
  /** How often it was delivered, this time included. */
  deliveries: number;
  storedAt: Date;
  /** Messages behind it that were not delivered yet. */
  pending: number;
}

/** A message that a pull consumer delivered. It is delivered again where none of these answers comes in time. */
export interface PulledMessage extends Delivery {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Undefined where there are none, or where they cannot be read. */
  readonly headers: Headers | undefined;
  /** It is done, and is not delivered again. */
  ack(): void;
  /** It is delivered again, after `delayMs` (default: at once). */
  giveBack(delayMs?: number): void;
  /** The time until it is delivered again begins anew. */
  extend(): void;
}

const ACK_PREFIX = "$JS.ACK.";
/** Without the server's domain and account, and with both. */
const [SHORT, LONG] = [9, 11];
const NANOS_PER_MS = 1_000_000;

/** Reads the subject of a message's acks. Undefined: it is none. */
export function readDelivery(reply: string | undefined): Delivery | undefined {
  if (reply?.startsWith(ACK_PREFIX) !== true) return undefined;
  const tokens = reply.split(".");
  const from = tokens.length === SHORT ? 0 : tokens.length >= LONG ? 2 : undefined;
  if (from === undefined) return undefined;
  const [deliveries = 0, sequence = 0, , nanos = 0, pending = 0] = tokens.slice(from + 4).map(Number);
  return { sequence, deliveries, storedAt: new Date(nanos / NANOS_PER_MS), pending };
}

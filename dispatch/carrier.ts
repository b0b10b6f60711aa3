/**
 * A carrier takes requests to their targets and brings back what the targets say. Both carriers say the same: the one over
 * NATS (nats-carrier.ts), and the one over the socket of a host on the same machine.
 */
import type { DecodedReply, ErrorCode, Headers } from "../contracts/index.ts";
import type { PendingReply } from "../nats/index.ts";
import type { OutgoingExchange } from "../streams/index.ts";

/** The head of a request, in the form that its carrier needs. A form is made when a carrier asks for it, and once. */
export interface SendableHead {
  /** As header fields of a message. Each sending adds its own. */
  headers(): Headers;
  /** As one text (`formatRequestHead`). Undefined: a text cannot carry it. */
  text(): string | undefined;
  /** How many functions have called each other up to this request. */
  readonly hops: number;
  /** Whether its client asks for a WebSocket. */
  readonly isUpgrade: boolean;
}

/** A target's answer, or the head of an answer whose body follows in frames. */
export interface Reply {
  readonly data: Uint8Array;
  /** The same as a text, where it came as such. */
  readonly text?: string | undefined;
  /** Whether it is an error of the target. */
  readonly isError: boolean;
  /**
   * Its meaning, in the words of HTTP. The fields are without `Content-Length` and `X-Request-Id`, which the door of HTTP
   * writes itself.
   */
  read(): DecodedReply;
  /** As header fields of a message. */
  headers(): Headers;
  /** Its status and its fields as a block, where it came as such: all fields are there, in lower case. */
  block?(): { status: number; block: string };
}

/**
 * The meaning of the reply. `no-responders` and `draining` prove that no handler began the request. `unreadable`: HTTP and
 * narun have no such answer. `wants-bhttp`: the consumer takes only binary HTTP, and refused the request before its handler. `full`: the
 * instance has no room for a call of a function, and did not begin it.
 */
export type Answer =
  | { readonly kind: "no-responders" | "draining" | "full" | "unreadable" | "wants-bhttp" }
  | { readonly kind: "reply"; readonly reply: Reply }
  /** The head of an answer. Its body follows in the frames of the exchange. */
  | { readonly kind: "stream"; readonly reply: Reply };

/** A connection: to NATS, or to a host. */
export interface Line {
  /** Resolves when all that the other side sent until now has come, and the end of every earlier request without a taker. */
  flush(): Promise<void>;
}

/** A request that has left. `release` also ends its exchange. */
export interface Sending extends PendingReply {
  /** The connection that its reply comes on: a break of it may lose the reply. */
  readonly line: Line;
  /** Undefined where one of the sides takes no streams. */
  readonly exchange: OutgoingExchange | undefined;
}

/** The events of the requests under way, but for frames, which go to their exchanges. `Job`: what the dispatcher knows of one. */
export interface CarrierEvents<Job> {
  onAnswer(job: Job, answer: Answer): void;
  /** The request, or its reply, is not permitted. Another try would fail alike. */
  onNotPermitted(job: Job, code: ErrorCode): void;
  /** All of the request's body has left, or the rest was cancelled. */
  onBodyOver(job: Job): void;
  /** The connection broke on which it was sent: its reply comes over NATS, or not at all. */
  onBroken(job: Job): void;
}

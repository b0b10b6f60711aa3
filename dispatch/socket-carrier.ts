/**
 * The carrier over the socket of a host on the same machine (docs/wire.md, "The short path").
 *
 * I1  A request has a number of the requester, as one over NATS has. So an instance can be asked after it over NATS, and a
 *     reply that could not leave by the socket is sent again over NATS.
 * I2  A request whose connection broke may have begun. It is a flight over NATS from then on (next-step.ts).
 * I3  An answer that begins with a head ends with its frames. A host that says another answer behind the head has broken it off:
 *     the connection expects no more of the request then.
 */
import {
  type DecodedReply,
  type ErrorCode,
  encodeError,
  encodeReply,
  type Frame,
  type FrameBody,
  type Headers,
  linesOf,
  readResponseBlock,
  requestFlags,
} from "../contracts/index.ts";
import type { ReplyReceiver, RequestLink } from "../local/index.ts";
import type { Lease, Message, Nats, PendingReply } from "../nats/index.ts";
import { OutgoingExchange, SocketChannel } from "../streams/index.ts";
import type { CarrierEvents, Line, Reply, Sending } from "./carrier.ts";
import type { InstanceSocket } from "./instance.ts";
import type { Job } from "./job.ts";
import { DRAINING, FULL, readMessage, UNREADABLE } from "./nats-carrier.ts";

export interface SocketCarrierOptions {
  nats: Nats;
  events: CarrierEvents<Job>;
}

export interface SocketCarrier {
  /** Undefined where the request was not sent: the connection is not open, or the request does not fit. */
  send(job: Job, socket: InstanceSocket): Sending | undefined;
}

const LARGEST_MS = 0xffff_ffff;

export function createSocketCarrier(options: SocketCarrierOptions): SocketCarrier {
  return {
    send(job, { link, number: instance }) {
      if (!link.isOpen) return undefined;
      const { request } = job;
      const head = request.head.text();
      if (head === undefined) return undefined;
      const flight = new SocketSending(options, job, link);
      const timeoutMs = Math.round(request.endsAtMs - performance.now());
      const isSent = link.request(
        flight.number,
        {
          instance,
          flags: flagsOf(job),
          hops: request.head.hops,
          timeoutMs: Math.min(Math.max(1, timeoutMs), LARGEST_MS),
          head,
          body: request.data,
        },
        flight,
      );
      if (isSent) return flight;
      flight.release();
      return undefined;
    },
  };
}

function flagsOf({ request: { streams, rest, head } }: Job): number {
  return (
    (streams ? requestFlags.streams : 0) |
    (rest === undefined ? 0 : requestFlags.streamedBody) |
    (head.isUpgrade ? requestFlags.upgrade : 0)
  );
}

/** A request on a connection. Most need no exchange: it is made when one is asked for. */
class SocketSending implements Sending, ReplyReceiver {
  line: Line;
  readonly #nats: Nats;
  readonly #events: CarrierEvents<Job>;
  readonly #job: Job;
  readonly #link: RequestLink;
  readonly #pending: PendingReply;
  #exchange: OutgoingExchange<SocketChannel> | undefined;
  #hasHead = false;

  constructor({ nats, events }: SocketCarrierOptions, job: Job, link: RequestLink) {
    this.line = link;
    this.#nats = nats;
    this.#events = events;
    this.#job = job;
    this.#link = link;
    this.#pending = nats.reserve((message) => this.#onMessage(message));
    if (job.request.rest !== undefined) this.#exchange = this.#openExchange();
  }

  get number(): number {
    return this.#pending.number;
  }

  get subject(): string {
    return this.#pending.subject;
  }

  get exchange(): OutgoingExchange<SocketChannel> | undefined {
    if (!this.#job.request.streams) return undefined;
    this.#exchange ??= this.#openExchange();
    return this.#exchange;
  }

  release(): void {
    this.#exchange?.close();
    this.#link.release(this.number);
    this.#pending.release();
  }

  onResponse(status: number, block: string, body: FrameBody): void {
    const reply = new SocketReply(status, block, body ?? NO_BYTES);
    if (this.#hasHead) this.onEnd();
    else this.#events.onAnswer(this.#job, { kind: "reply", reply });
  }

  onHead(status: number, block: string): void {
    this.#hasHead = true;
    const reply = new SocketReply(status, block, NO_BYTES);
    this.#events.onAnswer(this.#job, this.#job.request.streams ? { kind: "stream", reply } : UNREADABLE);
  }

  onError(code: ErrorCode, limit: number | undefined): void {
    if (this.#hasHead) this.onEnd();
    else if (code === "INSTANCE_DRAINING") this.#events.onAnswer(this.#job, DRAINING);
    else if (code === "INSTANCE_FULL") this.#events.onAnswer(this.#job, FULL);
    else this.#events.onAnswer(this.#job, { kind: "reply", reply: new SocketError(code, limit) });
  }

  onFrame(frame: Frame, payload: Uint8Array, trailers: string, lease: Lease): void {
    const exchange = this.exchange;
    exchange?.channel.receive({ frame, payload, trailers, lease }, exchange);
  }

  onEnd(): void {
    this.line = this.#nats;
    this.#events.onBroken(this.#job);
  }

  #openExchange(): OutgoingExchange<SocketChannel> {
    return new OutgoingExchange({
      channel: new SocketChannel({
        send: (frame, payload, done, trailers) =>
          this.#link.frame(this.number, frame, payload, done, trailers),
        // The carrier tells of the end (`onBroken`).
        follow: () => () => undefined,
      }),
      rest: this.#job.request.rest,
      onRestOver: () => this.#events.onBodyOver(this.#job),
    });
  }

  /** The instance sent its reply again. A stream is never sent again. */
  #onMessage(message: Message): void {
    const answer = readMessage(message);
    if (answer !== undefined) this.#events.onAnswer(this.#job, answer);
  }
}

const NO_BYTES = new Uint8Array();

class SocketReply implements Reply {
  readonly isError = false;
  readonly #data: Uint8Array | string;
  readonly #status: number;
  readonly #block: string;

  constructor(status: number, block: string, data: Uint8Array | string) {
    this.#data = data;
    this.#status = status;
    this.#block = block;
  }

  get data(): Uint8Array {
    return typeof this.#data === "string" ? Buffer.from(this.#data) : this.#data;
  }

  get text(): string | undefined {
    return typeof this.#data === "string" ? this.#data : undefined;
  }

  read(): DecodedReply {
    const { fields, announcedLength, isValid } = readResponseBlock(this.#block);
    return { kind: "response", status: this.#status, fields: fields.slice(), announcedLength, isValid };
  }

  block(): { status: number; block: string } {
    return { status: this.#status, block: this.#block };
  }

  headers(): Headers {
    // A host checks its fields before it sends them.
    return encodeReply(this.#status, linesOf(this.#block)) ?? encodeError("BAD_REPLY", undefined);
  }
}

class SocketError implements Reply {
  readonly isError = true;
  readonly data = NO_BYTES;
  readonly #code: ErrorCode;
  readonly #limit: number | undefined;

  constructor(code: ErrorCode, limit: number | undefined) {
    this.#code = code;
    this.#limit = limit;
  }

  read(): DecodedReply {
    return { kind: "failed", code: this.#code, limit: this.#limit };
  }

  headers(): Headers {
    return encodeError(this.#code, this.#limit);
  }
}

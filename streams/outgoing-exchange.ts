/**
 * The asking side of one exchange: the rest of the request's body, and the response's body back (docs/wire.md,
 * "Streams").
 *
 * I1  The rest of a body is sent after the first credit, by which the answering side says that it took the request.
 *     Before that the rest is not read, and the request may go elsewhere.
 * I2  Frames that come before their receiver exists wait for it: they may follow their head at once.
 * I3  After `close`, `cancel` or `breakOff` no frame is sent, and none is taken. The body's source is cancelled.
 * I4  The answering side of a stream follows its asker. The asker shows that it is alive while the request's body or the
 *     response streams.
 */
import type { Frame } from "../contracts/index.ts";
import type { AnswererChannel } from "./channel.ts";
import { CreditWindow, RESPONSE_WINDOW_BYTES, WINDOW_BYTES } from "./credit.ts";
import type { Arrived, Link } from "./link.ts";
import { Pace } from "./pace.ts";
import { type StreamEnd, StreamReceiver, type StreamReceiverOptions } from "./receiver.ts";
import { StreamSender } from "./sender.ts";

/** The rest of a request's body after its first message. */
export interface RemainingBody {
  /** Sends the rest to its end, as fast as there is credit. Returns the function to call with further credit. */
  pipe(sender: StreamSender): (bytes: number) => void;
  /** Cancels the rest of the body. Idempotent, also after the end. */
  cancel(): void;
}

/** The body of a response, while it comes. */
export interface ResponseBody {
  /** Begins the body: no byte comes before. */
  open(
    to: Pick<StreamReceiverOptions, "onData" | "onEnd">,
    /** Bytes that may come at once. Default: a window's worth. */
    creditBytes?: number,
  ): void;
  /** There is room for so many more bytes. A reader that counts its own credit calls this in place of `consumed`. */
  grant(bytes: number): void;
  /**
   * Begins a WebSocket in its place; the messages of its client are written to `sender`. The receiver may be called
   * before this returns.
   */
  openSocket(connect: (sender: StreamSender) => SocketReceiver): void;
  /** Bytes were consumed: there is room for as many more. */
  consumed(bytes: number): void;
}

export interface SocketReceiver {
  /** A message for the client, or a fragment of one: valid during the call. */
  onMessage(kind: "text" | "binary", bytes: Uint8Array, hasMore: boolean): void;
  /** The instance has room for more. */
  onCredit(): void;
  onEnd(end: StreamEnd): void;
}

export interface OutgoingExchangeOptions<Way extends AnswererChannel> {
  channel: Way;
  rest: RemainingBody | undefined;
  /** All of the body has left, or the rest was cancelled. */
  onRestOver?(): void;
}

export class OutgoingExchange<Way extends AnswererChannel = AnswererChannel> {
  readonly channel: Way;
  /** Sends nothing after the end (I3). */
  readonly #link: Link = {
    send: (frame, payload, done, trailers) => {
      if (!this.#isOver) this.channel.link.send(frame, payload, done, trailers);
    },
  };
  readonly #rest: RemainingBody | undefined;
  readonly #onRestOver: (() => void) | undefined;
  #pace: Pace | undefined;
  #sender: StreamSender | undefined;
  #onCredit: ((bytes: number) => void) | undefined;
  #receiver: StreamReceiver | undefined;
  /** Frames that came between the answer's head and `open`. */
  readonly #early: { frame: Frame; arrived: Arrived }[] = [];
  #broken: string | undefined;
  #endAttending: (() => void) | undefined;
  #endTaking: (() => void) | undefined;
  #hasBegunRest = false;
  #isOver = false;

  constructor({ channel, rest, onRestOver }: OutgoingExchangeOptions<Way>) {
    this.channel = channel;
    this.#rest = rest;
    this.#onRestOver = onRestOver;
    if (rest !== undefined) this.#endAttending = channel.attend();
  }

  /** Whether bytes have left that cannot be read again. */
  get hasSentRest(): boolean {
    return this.#hasBegunRest;
  }

  /** How far the source of the body is behind the pace that is expected of it, in milliseconds. */
  get behindMs(): number {
    return this.#pace?.behindMs ?? 0;
  }

  /** Takes a frame of the answering side; the reply itself comes by other ways. */
  receive(frame: Frame, arrived: Arrived): void {
    if (this.#isOver) return;
    if (frame.kind === "drain") return;
    if (frame.kind === "credit") this.#beginRest();
    const isForSender = frame.kind === "credit" || frame.kind === "cancel";
    if (isForSender && this.#sender !== undefined) this.#sender.receive(frame);
    else if (!isForSender && this.#receiver !== undefined) this.#receiver.receive(frame, arrived);
    else this.#early.push({ frame, arrived });
  }

  /** The answer is a stream, and its head came; `onOver` is called at its end, of any kind. */
  openResponse(onOver: () => void): ResponseBody {
    this.#endAttending ??= this.channel.attend();
    let receiver: StreamReceiver | undefined;
    const window = new CreditWindow(RESPONSE_WINDOW_BYTES, (bytes) => receiver?.grant(bytes));
    const begin = (
      { onEnd, ...to }: Omit<StreamReceiverOptions, "link">,
      creditBytes = RESPONSE_WINDOW_BYTES,
    ) => {
      receiver = new StreamReceiver({
        ...to,
        link: this.#link,
        onEnd: (end) => {
          onEnd(end);
          onOver();
        },
      });
      this.#receiver = receiver;
      this.#endTaking = this.channel.takeData(receiver);
      if (creditBytes > 0) window.grant(creditBytes);
      for (const { frame, arrived } of this.#early.splice(0)) this.receive(frame, arrived);
      if (this.#broken !== undefined) receiver.breakOff(this.#broken);
    };
    return {
      open: begin,
      openSocket: (connect) => {
        const sender = new StreamSender({
          link: this.#link,
          maxWaitingBytes: WINDOW_BYTES,
          onCredit: () => socket.onCredit(),
          onCancel: () => undefined,
        });
        this.#sender = sender;
        const socket = connect(sender);
        begin({ ...socket, onData: () => undefined });
      },
      grant: (bytes) => receiver?.grant(bytes),
      consumed: (bytes) => window.consumed(bytes),
    };
  }

  /** Cancels the answer at the answering side. */
  cancel(code: string): void {
    this.#link.send({ kind: "cancel", code }, "");
    this.close();
  }

  /**
   * The answering side is gone, or frames were lost: a response that has begun is broken. An answering side that
   * still lives gets a cancel.
   */
  breakOff(code: string): void {
    this.cancel(code);
    this.#broken = code;
    this.#receiver?.breakOff(code);
  }

  /** Tells the answering side that this one drains. */
  drain(): void {
    this.#link.send({ kind: "drain" }, "");
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#endAttending?.();
    this.#endTaking?.();
    if (this.#sender?.abandon() && this.#hasBegunRest) this.#rest?.cancel();
  }

  #beginRest(): void {
    const rest = this.#rest;
    if (this.#sender !== undefined || rest === undefined) return;
    this.#hasBegunRest = true;
    this.#pace = new Pace();
    this.#sender = new StreamSender({
      link: this.#link,
      onCredit: (bytes) => this.#onCredit?.(bytes),
      // The handler cancelled the rest of its request. Its answer goes on.
      onCancel: () => {
        rest.cancel();
        this.#onRestOver?.();
      },
      onEnded: () => this.#onRestOver?.(),
      pace: this.#pace,
    });
    this.#onCredit = rest.pipe(this.#sender);
  }
}

/**
 * The answering side of one exchange: it receives the asker's frames after the request, and sends its answer in
 * frames.
 *
 * I1  It reports its asker's end once: after a cancel, or when its channel says that the asker is gone or that frames may be
 *     lost.
 * I2  After `close` it sends no frame and takes none.
 * I3  Only an exchange that streams follows its asker: most requests do not.
 */
import type { Frame } from "../contracts/index.ts";
import type { AskerChannel } from "./channel.ts";
import type { Arrived } from "./link.ts";
import { StreamReceiver, type StreamReceiverOptions } from "./receiver.ts";
import { StreamSender, type StreamSenderOptions } from "./sender.ts";

export interface IncomingExchangeOptions {
  channel: AskerChannel;
  /** The asker no longer waits for the answer; `code` says why. */
  onGone(code: string): void;
  /** The asker drains: an answer that can end should do so. */
  onDrain?(): void;
}

export class IncomingExchange {
  readonly #options: IncomingExchangeOptions;
  #receiver: StreamReceiver | undefined;
  #sender: StreamSender | undefined;
  #stopFollowing: (() => void) | undefined;
  #endTaking: (() => void) | undefined;
  #isClosed = false;

  constructor(options: IncomingExchangeOptions) {
    this.#options = options;
  }

  /** Takes the rest of the request's body. The first byte comes after the first credit. */
  receiveBody(to: Omit<StreamReceiverOptions, "link">): StreamReceiver {
    const { channel } = this.#options;
    this.#follow();
    this.#receiver = new StreamReceiver({ ...to, link: channel.link });
    this.#endTaking = channel.takeData(this.#receiver);
    return this.#receiver;
  }

  /** Sends the response's head by `sendHead`; returns the sender for the body. */
  beginResponse(sendHead: () => void, from: Omit<StreamSenderOptions, "link">): StreamSender {
    this.#follow();
    sendHead();
    this.#sender = new StreamSender({ ...from, link: this.#options.channel.link });
    return this.#sender;
  }

  /** Takes a frame of the asker. */
  receive(frame: Frame, arrived: Arrived): void {
    if (this.#isClosed) return;
    if (frame.kind === "cancel") this.#gone(frame.code);
    else if (frame.kind === "drain") this.#options.onDrain?.();
    else if (frame.kind === "credit") this.#sender?.receive(frame);
    else this.#receiver?.receive(frame, arrived);
  }

  /** Sends and takes nothing more; cancels a body that did not end. Returns whether a body was cancelled. */
  close(): boolean {
    this.#isClosed = true;
    this.#stopFollowing?.();
    this.#endTaking?.();
    if (this.#receiver === undefined || this.#receiver.isOver) return false;
    this.#receiver.cancel("BODY_NOT_WANTED");
    return true;
  }

  #gone(code: string): void {
    if (this.#isClosed) return;
    this.#options.onGone(code);
    this.#receiver?.breakOff("CLIENT_GONE");
  }

  #follow(): void {
    this.#stopFollowing ??= this.#options.channel.follow((code) => this.#gone(code));
  }
}

/**
 * The answering side of one exchange: it receives the asker's frames after the request, and sends its answer in
 * frames.
 *
 * I1  It reports its asker's end once: after a cancel, after the asker fell silent (peers.ts), or after a break of
 *     the connection, as frames may be lost.
 * I2  After `close` it sends no frame and takes none.
 * I3  Only an exchange that streams watches its asker: most requests do not.
 */
import { headerNames, peerOfToken, subjects } from "../contracts/index.ts";
import type { Message, Nats } from "../nats/index.ts";
import { type Headers, headerValue } from "../nats/index.ts";
import type { Link } from "./link.ts";
import { frameOf, natsLink } from "./nats-link.ts";
import type { Peers } from "./peers.ts";
import { StreamReceiver, type StreamReceiverOptions } from "./receiver.ts";
import { StreamSender, type StreamSenderOptions } from "./sender.ts";

export interface IncomingExchangeOptions {
  nats: Nats;
  peers: Peers;
  /** The request. */
  message: Message;
  /** The id by which the asker reaches this side. */
  answerer: string;
  /** Whether the asker needs the answerer's id: the subject of its request does not name it. */
  isStranger?: boolean;
  /** The asker no longer waits for the answer; `code` says why. */
  onGone(code: string): void;
  /** The asker drains: an answer that can end should do so. */
  onDrain?(): void;
}

export class IncomingExchange {
  readonly token: string;
  /** The asker sends the body in frames. */
  readonly hasStreamedBody: boolean;
  /** The asker's client wants a WebSocket. */
  readonly isUpgrade: boolean;
  readonly #options: IncomingExchangeOptions;
  readonly #peer: string;
  readonly #link: Link;
  #receiver: StreamReceiver | undefined;
  #sender: StreamSender | undefined;
  #stopFollowing: (() => void) | undefined;
  #endTaking: (() => void) | undefined;
  #hasMet = false;
  #isClosed = false;

  /** The exchange of a request; undefined where its asker knows no streams. */
  static of(options: IncomingExchangeOptions): IncomingExchange | undefined {
    const { headers, reply } = options.message;
    const token = headerValue(headers, headerNames.stream);
    const peer = peerOfToken(token);
    if (token === undefined || peer === undefined || reply === undefined) return undefined;
    return new IncomingExchange(options, { token, peer, reply });
  }

  private constructor(
    options: IncomingExchangeOptions,
    { token, peer, reply }: { token: string; peer: string; reply: string },
  ) {
    const { nats, message } = options;
    this.#options = options;
    this.token = token;
    this.#peer = peer;
    this.hasStreamedBody = headerValue(message.headers, headerNames.body) === "stream";
    this.isUpgrade = headerValue(message.headers, headerNames.upgrade) === "websocket";
    this.#link = natsLink(nats, reply, (headers) => this.#introduce(headers));
  }

  /** Takes the rest of the request's body. The first byte comes after the first credit. */
  receiveBody(to: Omit<StreamReceiverOptions, "link">): StreamReceiver {
    this.#follow();
    this.#receiver = new StreamReceiver({ ...to, link: this.#link });
    const { nats, answerer } = this.#options;
    this.#endTaking = nats.takeData(subjects.streamControl(answerer, this.token), this.#receiver);
    return this.#receiver;
  }

  /** Sends the response's head; returns the sender for the body. */
  beginResponse(head: Headers, from: Omit<StreamSenderOptions, "link">): StreamSender {
    this.#follow();
    head.set(headerNames.stream, [this.token]);
    this.#introduce(head);
    this.#options.message.respond("", head);
    this.#sender = new StreamSender({ ...from, link: this.#link });
    return this.#sender;
  }

  /** Takes a message of the asker. */
  receive(control: Message): void {
    if (this.#isClosed) return;
    const frame = frameOf(control);
    if (frame === undefined) return;
    if (frame.kind === "cancel") this.#gone(frame.code);
    else if (frame.kind === "drain") this.#options.onDrain?.();
    else if (frame.kind === "credit") this.#sender?.receive(frame);
    else this.#receiver?.receive(frame, control);
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

  /** Adds the answerer's id to the first message. */
  #introduce(headers: Headers): void {
    const { answerer, isStranger } = this.#options;
    if (isStranger === true && !this.#hasMet) headers.set(headerNames.answerer, [answerer]);
    this.#hasMet = true;
  }

  #gone(code: string): void {
    if (this.#isClosed) return;
    this.#options.onGone(code);
    this.#receiver?.breakOff("CLIENT_GONE");
  }

  #follow(): void {
    if (this.#stopFollowing !== undefined) return;
    const stopPeer = this.#options.peers.follow(this.#peer, () => this.#gone("CLIENT_GONE"));
    const stopState = this.#options.nats.onState((state) => {
      if (state === "connected") this.#gone("STREAM_BROKEN");
    });
    this.#stopFollowing = () => {
      stopPeer();
      stopState();
    };
  }
}

/**
 * The channels over NATS: each frame is a message with the field `Narun-Frame` (docs/wire.md, "Streams"). The asker's heartbeats
 * show that it is alive, and the answerer follows them. A connection that was away may have lost frames.
 */
import {
  type Frame,
  formatFrame,
  headerNames,
  parseFrame,
  peerOfToken,
  subjects,
} from "../contracts/index.ts";
import { type FrameSink, type Headers, headerValue, type Message, type Nats } from "../nats/index.ts";
import type { AnswererChannel, AskerChannel } from "./channel.ts";
import type { Link } from "./link.ts";
import type { Peers } from "./peers.ts";
import type { StreamPresence } from "./presence.ts";

/** `addFields` adds to the headers of a message. It does not see messages with bytes of a body. Default: it adds none. */
export function natsLink(
  nats: Nats,
  subject: string,
  addFields: (headers: Headers) => void = () => undefined,
): Link {
  return {
    send(frame, payload, done, trailers) {
      if (frame.kind === "data" && typeof payload !== "string")
        return nats.sendData(subject, frame.seq, payload, done);
      // Timers and listeners may still end a stream of a closed connection.
      if (nats.state === "closed") return;
      // The frame is set last: no trailer may say otherwise.
      const headers: Headers = new Map(trailers ?? []);
      headers.set(headerNames.frame, [formatFrame(frame)]);
      addFields(headers);
      nats.publish(subject, payload, headers);
    },
  };
}

/** The frame of a message; undefined where the message is none. */
export function frameOf(message: Message): Frame | undefined {
  const value = headerValue(message.headers, headerNames.frame);
  return value === undefined ? undefined : parseFrame(value);
}

export interface NatsAskerOptions {
  nats: Nats;
  peers: Peers;
  /** The request. */
  message: Message;
  /** The id by which the asker reaches this side. */
  answerer: string;
  /** Whether the asker needs the answerer's id: the subject of its request does not name it. */
  isStranger?: boolean;
}

/** The asker of a request that came over NATS. */
export class NatsAsker implements AskerChannel {
  /** The name of the exchange: it comes with each frame of the asker. */
  readonly token: string;
  /** The asker sends the body in frames. */
  readonly hasStreamedBody: boolean;
  /** The asker's client wants a WebSocket. */
  readonly isUpgrade: boolean;
  readonly link: Link;
  readonly #options: NatsAskerOptions;
  readonly #peer: string;
  #hasMet = false;

  /** Undefined where the asker knows no streams. */
  static of(options: NatsAskerOptions): NatsAsker | undefined {
    const { headers, reply } = options.message;
    const token = headerValue(headers, headerNames.stream);
    const peer = peerOfToken(token);
    if (token === undefined || peer === undefined || reply === undefined) return undefined;
    return new NatsAsker(options, { token, peer, reply });
  }

  private constructor(
    options: NatsAskerOptions,
    { token, peer, reply }: { token: string; peer: string; reply: string },
  ) {
    const { nats, message } = options;
    this.#options = options;
    this.token = token;
    this.#peer = peer;
    this.hasStreamedBody = headerValue(message.headers, headerNames.body) === "stream";
    this.isUpgrade = headerValue(message.headers, headerNames.upgrade) === "websocket";
    this.link = natsLink(nats, reply, (headers) => this.#introduce(headers));
  }

  /** Sends the head of a streamed answer. */
  begin(head: Headers): void {
    head.set(headerNames.stream, [this.token]);
    this.#introduce(head);
    this.#options.message.respond("", head);
  }

  takeData(sink: FrameSink): () => void {
    const { nats, answerer } = this.#options;
    return nats.takeData(subjects.streamControl(answerer, this.token), sink);
  }

  follow(onGone: (code: string) => void): () => void {
    const { nats, peers } = this.#options;
    const stopPeer = peers.follow(this.#peer, () => onGone("CLIENT_GONE"));
    const stopState = nats.onState((state) => {
      if (state === "connected") onGone("STREAM_BROKEN");
    });
    return () => {
      stopPeer();
      stopState();
    };
  }

  /** Adds the answerer's id to the first message. */
  #introduce(headers: Headers): void {
    const { answerer, isStranger } = this.#options;
    if (isStranger === true && !this.#hasMet) headers.set(headerNames.answerer, [answerer]);
    this.#hasMet = true;
  }
}

export interface NatsAnswererOptions {
  nats: Nats;
  presence: StreamPresence;
  /** The instance that answers. Undefined: its first message names it. */
  answerer?: string;
}

/** The answerer of a request that goes over NATS. */
export class NatsAnswerer implements AnswererChannel {
  /** The name of the exchange: it goes with the request. */
  readonly token: string;
  readonly link: Link = { send: (...frame) => this.#reach(frame[0])?.send(...frame) };
  readonly #nats: Nats;
  readonly #presence: StreamPresence;
  #answerer: string | undefined;
  #inbox: string | undefined;
  #answererLink: Link | undefined;

  constructor({ nats, presence, answerer }: NatsAnswererOptions) {
    this.#nats = nats;
    this.#presence = presence;
    this.#answerer = answerer;
    this.token = presence.nextToken();
  }

  /** Reads from a message of the answerer who it is. Every message is shown before its frame is taken, and a head too. */
  meet({ headers, subject }: Message): void {
    this.#inbox ??= subject;
    this.#answerer ??= headerValue(headers, headerNames.answerer);
  }

  takeData(sink: FrameSink): () => void {
    return this.#inbox === undefined ? () => undefined : this.#nats.takeData(this.#inbox, sink);
  }

  attend(): () => void {
    return this.#presence.begin();
  }

  /** Without an answerer only a cancel leaves: the answerer may have begun without a message so far. */
  #reach({ kind }: Frame): Link | undefined {
    if (this.#answerer === undefined) {
      // All candidates get this cancel, and one knows the token.
      const toAny = subjects.streamControlToAny(this.token);
      return kind === "cancel" ? natsLink(this.#nats, toAny) : undefined;
    }
    this.#answererLink ??= natsLink(this.#nats, subjects.streamControl(this.#answerer, this.token));
    return this.#answererLink;
  }
}

/**
 * The channel over a connection between two processes of one machine: frames of the request's number (docs/wire.md, "The short
 * path"). The connection loses no frame: it ends, and all its exchanges with it.
 */
import { createHeaders, type Frame, type Headers } from "../contracts/index.ts";
import { type FrameSink, type Lease, OWNED } from "../nats/index.ts";
import type { AnswererChannel, AskerChannel } from "./channel.ts";
import type { Arrived, Link } from "./link.ts";

/** The frames of one request on a connection. */
export interface FramePort {
  /** As `Link.send`. `trailers`: a block of header fields, `name\nvalue\n…`. */
  send(frame: Frame, payload: Uint8Array | string, done: (() => void) | undefined, trailers: string): void;
  /** Calls back at the end of the connection; returns the function that ends it. */
  follow(listener: () => void): () => void;
}

/** A frame as a connection brings it. */
export interface ArrivedFrame {
  readonly frame: Frame;
  readonly trailers: string;
  readonly payload: Uint8Array;
  /** How long the payload is valid. */
  readonly lease: Lease;
}

export class SocketChannel implements AskerChannel, AnswererChannel {
  readonly link: Link;
  readonly #port: FramePort;
  #sink: FrameSink | undefined;

  constructor(port: FramePort) {
    this.#port = port;
    this.link = {
      send: (frame, payload, done, trailers) => port.send(frame, payload, done, blockOf(trailers)),
    };
  }

  takeData(sink: FrameSink): () => void {
    this.#sink = sink;
    return () => {
      if (this.#sink === sink) this.#sink = undefined;
    };
  }

  follow(onGone: (code: string) => void): () => void {
    return this.#port.follow(() => onGone("CLIENT_GONE"));
  }

  /** The connection itself shows that this side is alive. */
  attend(): () => void {
    return () => undefined;
  }

  /** Hands a frame of the other side to its exchange. */
  receive(
    { frame, trailers, payload, lease }: ArrivedFrame,
    exchange: { receive(frame: Frame, arrived: Arrived): void },
  ): void {
    const sink = this.#sink;
    if (frame.kind === "data" && sink !== undefined) {
      if (sink.beginData(frame.seq)) sink.data(payload, lease);
      return;
    }
    // Messages are their receiver's during the call. Frames that come before their receiver are kept.
    const isMessage = frame.kind === "text" || frame.kind === "binary";
    const isOwn = lease === OWNED || payload.byteLength === 0 || (isMessage && sink !== undefined);
    exchange.receive(frame, {
      data: isOwn ? payload : new Uint8Array(payload),
      headers: trailers === "" ? undefined : headersOf(trailers),
    });
  }
}

function blockOf(trailers: Headers | undefined): string {
  let block = "";
  for (const [name, values] of trailers ?? []) for (const value of values) block += `${name}\n${value}\n`;
  return block;
}

function headersOf(block: string): Headers {
  const lines = block.split("\n");
  const fields: [string, string][] = [];
  for (let at = 0; at + 1 < lines.length; at += 2) fields.push([lines[at] ?? "", lines[at + 1] ?? ""]);
  return createHeaders(fields);
}

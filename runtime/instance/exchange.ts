/** One request's exchange with its asker, with an isolate at this end (streams/incoming-exchange.ts). */

import type { Headers, Message } from "../../nats/index.ts";
import type { StreamSender, StreamSenderOptions } from "../../streams/index.ts";
import { IncomingExchange, type IncomingExchangeOptions } from "../../streams/index.ts";
import type { Inbound, IsolateStreams } from "../isolate/process/isolate-streams.ts";
import { createSocket, type Socket, type SocketOptions } from "./socket.ts";

export class Exchange {
  readonly #incoming: IncomingExchange;
  #body: Inbound | undefined;

  /** Undefined where the asker knows no streams. */
  static of(options: IncomingExchangeOptions): Exchange | undefined {
    const incoming = IncomingExchange.of(options);
    return incoming && new Exchange(incoming);
  }

  private constructor(incoming: IncomingExchange) {
    this.#incoming = incoming;
  }

  get token(): string {
    return this.#incoming.token;
  }

  get hasStreamedBody(): boolean {
    return this.#incoming.hasStreamedBody;
  }

  get isUpgrade(): boolean {
    return this.#incoming.isUpgrade;
  }

  /**
   * Shows the request's body to the isolate under an id; `begin` is called when the isolate has heard of that. The isolate
   * gets no byte before it granted credit for it, except those that came with the request itself. `onAwaited` is called
   * when the isolate waits for its client, `onDone` when it no longer does: all has come, or nothing more is wanted.
   */
  openBody(
    streams: IsolateStreams,
    owner: number,
    first: Uint8Array,
    { onAwaited, onDone }: { onAwaited(): void; onDone(): void },
  ): { id: number; begin(): void } {
    let isAwaited = false;
    const body = streams.openInbound(owner, {
      onCredit(bytes) {
        receiver.grant(bytes);
        if (!isAwaited) onAwaited();
        isAwaited = true;
      },
      onCancel() {
        receiver.cancel("BODY_NOT_WANTED");
        onDone();
      },
    });
    const receiver = this.#incoming.receiveBody({
      onData: (bytes) => body.push(ownBuffer(bytes)),
      onEnd(end) {
        const isWhole = end.kind === "whole";
        body.end(isWhole ? undefined : `the request's body broke (${end.code})`);
        if (isWhole) onDone();
      },
    });
    this.#body = body;
    return {
      id: body.id,
      begin() {
        if (first.byteLength > 0) body.push(ownBuffer(first));
      },
    };
  }

  /** Says the response's head; the body is written to what is returned. */
  beginResponse(head: Headers, options: Omit<StreamSenderOptions, "link">): StreamSender {
    return this.#incoming.beginResponse(head, options);
  }

  /** Says that the answer is a WebSocket, and connects it. */
  openSocket(head: Headers, options: SocketOptions): Socket {
    return createSocket({ ...options, exchange: this.#incoming, head });
  }

  receive(control: Message): void {
    this.#incoming.receive(control);
  }

  close(): void {
    if (this.#incoming.close()) this.#body?.end("the request is over");
  }
}

/** Not `slice()`: the data may be a Buffer, whose slices share memory with the neighbouring messages. */
function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

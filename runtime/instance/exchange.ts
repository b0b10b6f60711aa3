/** The exchange of one request with its caller (streams/incoming-exchange.ts), joined to the streams of the sandbox. */
import type { Headers, Message } from "../../nats/index.ts";
import {
  frameOf,
  IncomingExchange,
  type IncomingExchangeOptions,
  NatsAsker,
  type NatsAskerOptions,
  type StreamSender,
  type StreamSenderOptions,
} from "../../streams/index.ts";
import type { RequestBody, SandboxBodies } from "./sandbox.ts";
import { createSocket, type Socket, type SocketOptions } from "./socket.ts";

export type ExchangeOptions = NatsAskerOptions & Omit<IncomingExchangeOptions, "channel">;

export class Exchange {
  readonly #asker: NatsAsker;
  readonly #incoming: IncomingExchange;
  #body: RequestBody | undefined;

  /** Undefined where the caller takes no streams. */
  static of(options: ExchangeOptions): Exchange | undefined {
    const asker = NatsAsker.of(options);
    return asker && new Exchange(asker, options);
  }

  private constructor(asker: NatsAsker, { onGone, onDrain }: ExchangeOptions) {
    this.#asker = asker;
    this.#incoming = new IncomingExchange({ channel: asker, onGone, ...(onDrain && { onDrain }) });
  }

  get token(): string {
    return this.#asker.token;
  }

  get hasStreamedBody(): boolean {
    return this.#asker.hasStreamedBody;
  }

  get isUpgrade(): boolean {
    return this.#asker.isUpgrade;
  }

  /**
   * Opens the request's body in the sandbox. Call `begin` after the request was handed over. The handler gets no byte
   * before it granted credit, except the bytes that came with the request itself. `onAwaited` is called when the handler
   * begins to wait for its client; `onDone` when the whole body has come, or the handler needs no more of it.
   */
  openBody(
    bodies: SandboxBodies,
    requestId: number,
    first: Uint8Array,
    { onAwaited, onDone }: { onAwaited(): void; onDone(): void },
  ): { id: number; begin(): void } {
    let isAwaited = false;
    const body = bodies.openRequest(requestId, {
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

  /** Sends the response's head; the body is written to the returned sender. */
  beginResponse(head: Headers, options: Omit<StreamSenderOptions, "link">): StreamSender {
    return this.#incoming.beginResponse(() => this.#asker.begin(head), options);
  }

  /** Answers with a WebSocket, and connects it. */
  openSocket(head: Headers, options: SocketOptions): Socket {
    return createSocket({ ...options, exchange: this.#incoming, sendHead: () => this.#asker.begin(head) });
  }

  receive(control: Message): void {
    const frame = frameOf(control);
    if (frame !== undefined) this.#incoming.receive(frame, control);
  }

  close(): void {
    if (this.#incoming.close()) this.#body?.end("the request is over");
  }
}

/** Copies. `slice()` would not: the data may be a Buffer, whose slices share memory with the neighbouring messages. */
function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

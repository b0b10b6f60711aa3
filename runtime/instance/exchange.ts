/** The exchange of one request with its caller (streams/incoming-exchange.ts), joined to the streams of the sandbox. */
import type { Frame } from "../../contracts/index.ts";
import {
  type Arrived,
  IncomingExchange,
  type IncomingExchangeOptions,
  type StreamSender,
  type StreamSenderOptions,
} from "../../streams/index.ts";
import type { Answer } from "./incoming-call.ts";
import { JoinedChunks } from "./joined-chunks.ts";
import type { RequestBody, SandboxBodies } from "./sandbox.ts";
import { createSocket, type Socket, type SocketOptions } from "./socket.ts";

export class Exchange {
  readonly #incoming: IncomingExchange;
  #body: RequestBody | undefined;

  constructor(options: IncomingExchangeOptions) {
    this.#incoming = new IncomingExchange(options);
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
    const chunks = new JoinedChunks(body);
    const receiver = this.#incoming.receiveBody({
      onData: (bytes, lease) => chunks.push(bytes, lease),
      onEnd(end) {
        chunks.flush();
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

  /** Sends the answer's head; the body is written to the returned sender. */
  beginResponse(answer: Answer, options: Omit<StreamSenderOptions, "link">): StreamSender {
    return this.#incoming.beginResponse(() => answer.begin(), options);
  }

  /** Answers with a WebSocket, and connects it. */
  openSocket(answer: Answer, options: SocketOptions): Socket {
    return createSocket({ ...options, exchange: this.#incoming, sendHead: () => answer.begin() });
  }

  receive(frame: Frame, arrived: Arrived): void {
    this.#incoming.receive(frame, arrived);
  }

  close(): void {
    if (this.#incoming.close()) this.#body?.end("the request is over");
  }
}

/** Copies. `slice()` would not: the data may be a Buffer, whose slices share memory with the neighbouring messages. */
function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

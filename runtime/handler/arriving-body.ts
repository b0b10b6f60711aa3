/**
 * The body of a request as a web stream.
 *
 * I1  Its sender gets credit when the handler begins to read, and again as the handler reads. Only the
 *     beginning of an unread body is sent.
 * I2  A body that broke fails the reader, and never looks whole.
 */
import { CreditWindow, WINDOW_BYTES } from "../../streams/index.ts";
import type { RequestBody, RequestBodyReceiver } from "../instance/sandbox.ts";

export class ArrivingBody implements RequestBody {
  readonly id: number;
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #receiver: RequestBodyReceiver;
  readonly #window: CreditWindow;
  readonly #waiting: Uint8Array<ArrayBuffer>[] = [];
  #controller: ReadableByteStreamController | undefined;
  #end: { why: string | undefined } | undefined;
  #hasBegun = false;
  #wake: (() => void) | undefined;

  constructor(id: number, receiver: RequestBodyReceiver) {
    this.id = id;
    this.#receiver = receiver;
    this.#window = new CreditWindow(WINDOW_BYTES, (bytes) => receiver.onCredit(bytes));
    this.stream = new ReadableStream({
      type: "bytes",
      start: (controller) => {
        this.#controller = controller;
      },
      pull: (controller) => this.#pull(controller),
      cancel: () => this.#cancel(),
    }) as ReadableStream<Uint8Array<ArrayBuffer>>;
  }

  push(bytes: ArrayBuffer): void {
    if (this.#end !== undefined) return;
    if (bytes.byteLength > 0) this.#waiting.push(new Uint8Array(bytes));
    this.#wake?.();
  }

  /** The chunks are the handler's own: each is copied once, by `push`. */
  copy(): boolean {
    return false;
  }

  flush(): void {
    // Nothing is copied.
  }

  end(why?: string): void {
    if (this.#end !== undefined) return;
    this.#end = { why };
    if (why !== undefined) {
      this.#waiting.length = 0;
      this.#controller?.error(new TypeError(why));
    }
    this.#wake?.();
  }

  /** The sandbox ends. */
  close(): void {
    if (this.#end !== undefined) return;
    this.end("the instance ended");
    this.#receiver.onCancel();
  }

  async #pull(controller: ReadableByteStreamController): Promise<void> {
    if (!this.#hasBegun && this.#end === undefined) this.#window.open();
    this.#hasBegun = true;
    while (this.#waiting.length === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    const chunk = this.#waiting.shift();
    if (chunk !== undefined) {
      const size = chunk.byteLength;
      controller.enqueue(chunk);
      if (this.#end === undefined) this.#window.consumed(size);
    } else if (this.#end !== undefined && this.#end.why === undefined) {
      controller.close();
      // A reader with a buffer of its own waits until the buffer is given back.
      controller.byobRequest?.respond(0);
    }
  }

  #cancel(): void {
    this.#waiting.length = 0;
    if (this.#end !== undefined) return;
    this.#end = { why: "cancelled" };
    this.#wake?.();
    this.#receiver.onCancel();
  }
}

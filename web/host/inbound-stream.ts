import { ReadableStream } from "../streams/streams.ts";

/** Bytes that are pulled piece by piece: an `Inbound`, or the pieces of a blob. */
export interface ByteSource {
  /** The next bytes, which belong to the caller. Undefined at the end. Rejects if the source broke. */
  read(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** The next bytes where they are there, as `read` gives them. Default: `read` alone knows. */
  take?(): Uint8Array<ArrayBuffer> | undefined;
  /** The bytes are referenced nowhere else, so the caller may release their memory at once. Default: false. */
  readonly isGivenAway?: boolean;
  /** Cancels the rest. */
  cancel(reason?: unknown): void;
  /** Calls the listener when the source breaks, also without a read. `why`: an error, or its text. */
  onBroken?(listener: (why: unknown) => void): void;
}

/** A source as a byte stream. Nothing is requested before the first read. */
export function inboundStream(source: ByteSource): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: "bytes",
    start(controller) {
      source.onBroken?.((why) => controller.error(typeof why === "string" ? new TypeError(why) : why));
    },
    pull(controller) {
      const chunk = source.take?.();
      return chunk === undefined ? pullNext(source, controller) : controller.enqueue(chunk);
    },
    cancel: (reason) => source.cancel(reason),
  });
}

async function pullNext(source: ByteSource, controller: ReadableByteStreamController): Promise<void> {
  const chunk = await source.read();
  if (chunk !== undefined) return controller.enqueue(chunk);
  controller.close();
  controller.byobRequest?.respond(0);
}

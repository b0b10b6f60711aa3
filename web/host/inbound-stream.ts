import { ReadableStream } from "../streams/streams.ts";

/** Bytes that are pulled piece by piece: an `Inbound`, the pieces of a blob. */
export interface ByteSource {
  /** The next bytes; undefined at the end. They are the caller's. Rejects where the source broke. */
  read(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Nobody else has what is read: who is done with it may give its memory back at once. Default: false. */
  readonly isGivenAway?: boolean;
  /** Nobody wants the rest. */
  cancel(reason?: unknown): void;
  /** Hears of a break though nobody reads: an error, or its text. */
  onBroken?(listener: (why: unknown) => void): void;
}

/** Shows a source as a byte stream; nothing is asked for before it is read. */
export function inboundStream(source: ByteSource): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: "bytes",
    start(controller) {
      source.onBroken?.((why) => controller.error(typeof why === "string" ? new TypeError(why) : why));
    },
    async pull(controller) {
      const chunk = await source.read();
      if (chunk !== undefined) return controller.enqueue(chunk);
      controller.close();
      controller.byobRequest?.respond(0);
    },
    cancel: (reason) => source.cancel(reason),
  });
}

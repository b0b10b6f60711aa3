/**
 * Streams in the transfer list of `structuredClone` and `postMessage` (Streams, "Transfer via postMessage"). The stream is
 * locked. A new stream at the destination receives clones of its chunks.
 */
import { registerCloneRule } from "../cloning/clone-rules.ts";
import { structuredClone } from "../cloning/structured-clone.ts";
import { DOMException } from "../dom/dom-exception.ts";
import { ReadableStream, TransformStream, WritableStream } from "./streams.ts";

/** The fields that make an object a stream of the library. A transform stream has no other fields. */
interface Inside {
  _readable: ReadableStream;
  _writable: WritableStream;
  _transformStreamController: unknown;
}

registerCloneRule<ReadableStream>(ReadableStream.prototype, {
  is: (value): value is ReadableStream => Object.hasOwn(value, "_readableStreamController"),
  refuseTransfer: whyLocked,
  transfer: transferReadable,
});

registerCloneRule<WritableStream>(WritableStream.prototype, {
  is: (value): value is WritableStream => Object.hasOwn(value, "_writableStreamController"),
  refuseTransfer: whyLocked,
  transfer: transferWritable,
});

registerCloneRule<TransformStream>(TransformStream.prototype, {
  is: (value): value is TransformStream => Object.hasOwn(value, "_transformStreamController"),
  refuseTransfer: ({ readable, writable }) => whyLocked(readable) ?? whyLocked(writable),
  transfer: ({ readable, writable }) =>
    Object.assign(Object.create(TransformStream.prototype) as Inside, {
      _readable: transferReadable(readable),
      _writable: transferWritable(writable),
      _transformStreamController: undefined,
    }),
});

function whyLocked({ locked }: { locked: boolean }): string | undefined {
  return locked ? "A stream that is locked cannot be transferred" : undefined;
}

/** An earlier object in the list may have locked the stream: the transform stream that it belongs to. */
function refuseLocked(stream: ReadableStream | WritableStream): void {
  const why = whyLocked(stream);
  if (why !== undefined) throw new DOMException(why, "DataCloneError");
}

function transferReadable(stream: ReadableStream): ReadableStream {
  refuseLocked(stream);
  const reader = stream.getReader();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await reader.read().catch(throwClone);
        if (done) return controller.close();
        try {
          controller.enqueue(structuredClone(value));
        } catch (error) {
          reader.cancel(error).catch(() => undefined);
          throw error;
        }
      },
      cancel: (reason) => reader.cancel(structuredClone(reason)),
    },
    { highWaterMark: 0 },
  );
}

function transferWritable(stream: WritableStream): WritableStream {
  refuseLocked(stream);
  const writer = stream.getWriter();
  return new WritableStream({
    start(controller) {
      writer.closed.catch((error: unknown) => controller.error(cloneError(error)));
    },
    async write(chunk) {
      let copy: unknown;
      try {
        copy = structuredClone(chunk);
      } catch (error) {
        writer.abort(error).catch(() => undefined);
        throw error;
      }
      await writer.ready;
      await writer.write(copy).catch(throwClone);
    },
    close: () => writer.close().catch(throwClone),
    abort: (reason) => writer.abort(structuredClone(reason)),
  });
}

function throwClone(error: unknown): never {
  throw cloneError(error);
}

/** A clone of the error. If it cannot be cloned, the error of that attempt. */
function cloneError(error: unknown): unknown {
  try {
    return structuredClone(error);
  } catch (reason) {
    return reason;
  }
}

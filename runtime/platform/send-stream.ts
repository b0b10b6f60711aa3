import { errorText } from "./error-text.ts";
import { describe } from "./handler.ts";
import { openOutbound } from "./outbound.ts";
import type { ReadableStream } from "./streams.ts";

/**
 * Sends a stream to the host as fast as that takes it; returns the id under which it goes. Where the stream breaks the
 * host is told so, never that it is whole. `onOver` is called when nothing more goes out.
 */
export function sendStream(stream: ReadableStream<unknown>, onOver: () => void = () => undefined): number {
  const outbound = openOutbound();
  const reader = stream.getReader();
  outbound.cancelled.then(() => reader.cancel("nobody reads it any more").catch(() => undefined));
  const pump = async () => {
    // Nothing is read before somebody wants it: a stream that is lazily made is made for a reader.
    for (await outbound.ready(); outbound.isOpen; await outbound.ready()) {
      const { done, value } = await reader.read();
      if (done) return outbound.end();
      if (!(value instanceof Uint8Array))
        throw new TypeError(`a body's stream gave ${describe(value)}, not a Uint8Array`);
      await outbound.write(value);
    }
  };
  pump()
    .catch((error: unknown) => {
      outbound.fail(errorText(error));
      reader.cancel(error).catch(() => undefined);
    })
    .finally(onOver);
  return outbound.id;
}

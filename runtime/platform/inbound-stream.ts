import type { Inbound } from "./inbound.ts";
import { ReadableStream } from "./streams.ts";

/** Shows what comes from the host as a byte stream; nothing is asked for before it is read. */
export function inboundStream(inbound: Inbound): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: "bytes",
    start(controller) {
      inbound.onBroken((why) => controller.error(new TypeError(why)));
    },
    async pull(controller) {
      const chunk = await inbound.read();
      if (chunk !== undefined) return controller.enqueue(chunk);
      controller.close();
      controller.byobRequest?.respond(0);
    },
    cancel: () => inbound.cancel(),
  });
}

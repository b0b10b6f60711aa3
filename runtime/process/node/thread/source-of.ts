import type { ByteSource } from "../../../../web/thread.ts";
import { type BegunBody, nextChunk } from "../../../handler/leaving-body.ts";

/** A body that was begun, as a source for the host. */
export function sourceOf(body: BegunBody): ByteSource {
  return {
    async read() {
      for (;;) {
        const chunk = await nextChunk(body);
        if (chunk === undefined || chunk.byteLength > 0) return chunk as Uint8Array<ArrayBuffer> | undefined;
      }
    },
    cancel: (reason) => void body.reader.cancel(reason).catch(() => undefined),
  };
}

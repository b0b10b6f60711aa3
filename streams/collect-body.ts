import type { ResponseBody } from "./outgoing-exchange.ts";

/** The bytes of a streamed answer, of `maxBytes` at most, or why there are none. Its sender is not told: the caller cancels then. */
export function collectBody(
  body: ResponseBody,
  maxBytes: number,
): Promise<Uint8Array | "RESPONSE_TOO_LARGE" | "STREAM_BROKEN"> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    body.open({
      onData(bytes) {
        size += bytes.byteLength;
        if (size > maxBytes) return resolve("RESPONSE_TOO_LARGE");
        chunks.push(Buffer.from(bytes));
        body.consumed(bytes.byteLength);
      },
      onEnd: (end) => resolve(end.kind === "whole" ? Buffer.concat(chunks) : "STREAM_BROKEN"),
    });
  });
}

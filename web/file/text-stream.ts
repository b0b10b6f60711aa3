import { TextDecoderStream } from "../encoding/encoding-streams.ts";
import type { ReadableStream } from "../streams/streams.ts";

/** The bytes as UTF-8 text. A charset of the content type is ignored (Fetch and File API, `textStream`). */
export function textStreamOf(bytes: ReadableStream<Uint8Array>): ReadableStream<string> {
  return bytes.pipeThrough(new TextDecoderStream());
}

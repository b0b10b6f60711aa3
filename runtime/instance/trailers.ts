import { canonicalHeaderName, isTrailer } from "../../contracts/index.ts";
import { appendHeader, createHeaders, type Headers, isHeaderSafe } from "../../nats/index.ts";
import { splitHeaderBlock } from "../../web/index.ts";

const MAX_TRAILER_BYTES = 16 * 1024;

const VISIBLE_ASCII = /^[\t -~]*$/;

/** The fields of a block that may follow a body; the block is user input. Those that may not are left out. */
export function readTrailers(block: string | undefined): Headers | undefined {
  if (block === undefined || block === "" || block.length > MAX_TRAILER_BYTES) return undefined;
  const trailers = createHeaders();
  for (const [name, value] of splitHeaderBlock(block)) {
    if (isTrailer(name) && isHeaderSafe(name, value) && VISIBLE_ASCII.test(value))
      appendHeader(trailers, canonicalHeaderName(name), value);
  }
  return trailers;
}

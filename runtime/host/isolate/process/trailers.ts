import { canonicalHeaderName, isHopByHopHeader, isReservedHeader } from "../../../../contracts/index.ts";
import { appendHeader, createHeaders, type Headers, isHeaderSafe } from "../../../../nats/index.ts";
import { splitHeaderBlock } from "../../../platform/boundary.ts";

const MAX_TRAILER_BYTES = 16 * 1024;

/** What must come before a body, as it says how that is framed, routed or read (RFC 9110, section 6.5.1). */
const BEFORE_BODY = new Set([
  ...["content-length", "content-encoding", "content-type", "content-range"],
  ...["host", "authorization", "set-cookie", "cache-control", "expires", "location", "vary"],
]);

const VISIBLE_ASCII = /^[\t -~]*$/;

/** The fields of a block that may follow a body; the block is user input. Those that may not are left out. */
export function readTrailers(block: string | undefined): Headers | undefined {
  if (block === undefined || block === "" || block.length > MAX_TRAILER_BYTES) return undefined;
  const trailers = createHeaders();
  for (const [name, value] of splitHeaderBlock(block)) {
    const lowerCaseName = name.toLowerCase();
    if (isReservedHeader(name) || isHopByHopHeader(lowerCaseName) || BEFORE_BODY.has(lowerCaseName)) continue;
    if (isHeaderSafe(name, value) && VISIBLE_ASCII.test(value))
      appendHeader(trailers, canonicalHeaderName(name), value);
  }
  return trailers;
}

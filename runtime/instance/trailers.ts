import { encodeTrailers, type Headers } from "../../contracts/index.ts";
import { fieldsOfBlock } from "./header-block.ts";

/** Upper bound of a block of trailers. A larger one is left out. */
const MAX_TRAILER_BYTES = 16 * 1024;

/** The trailers of a body, out of a block that user code may have written. */
export function readTrailers(block: string | undefined): Headers | undefined {
  if (block === undefined || block === "" || block.length > MAX_TRAILER_BYTES) return undefined;
  return encodeTrailers(fieldsOfBlock(block));
}

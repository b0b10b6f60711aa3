import { type Headers, isHeaderSafe } from "../contracts/index.ts";

export { appendHeader, createHeaders, type Headers, headerValue, isHeaderSafe } from "../contracts/index.ts";

/** Names that were found valid. A cache, not state: the same name is always read alike. */
const validNames = new Set<string>();
const BREAKS_LINE = /[\r\n\0]/;
/** Upper bound of the cache: clients choose the names. */
const MAX_CACHED_NAMES = 1_000;

/**
 * Header fields as lines of a message, each with its line end. Throws a TypeError where a field would break the
 * message apart.
 */
export function formatFields(headers: Headers): string {
  let lines = "";
  for (const [name, values] of headers) {
    const isKnown = validNames.has(name);
    for (const value of values) {
      if (isKnown ? BREAKS_LINE.test(value) : !isHeaderSafe(name, value))
        throw new TypeError(`header ${JSON.stringify(name)} cannot be sent`);
      lines += `${name}: ${value}\r\n`;
    }
    if (!isKnown && values.length > 0 && validNames.size < MAX_CACHED_NAMES) validNames.add(name);
  }
  return lines;
}

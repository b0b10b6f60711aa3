/** MIME types by `whatwg-mimetype`, without its sniffing: only this part of it goes into the snapshot. */
import MimeType from "whatwg-mimetype/lib/mime-type.js";

export type { MimeType };

export function parseMimeType(text: string): MimeType | undefined {
  return MimeType.parse(text) ?? undefined;
}

/**
 * The type that a `content-type` header means, of which there may be several, joined by commas: the last that is valid,
 * with the charset of those before it where they are of the same essence (Fetch, "extract a MIME type").
 */
export function extractMimeType(header: string | null): MimeType | undefined {
  if (header === null) return undefined;
  let found: MimeType | undefined;
  let charset: string | undefined;
  for (const value of splitAtCommas(header)) {
    const type = parseMimeType(value);
    if (type === undefined || type.essence === "*/*") continue;
    const own = type.parameters.get("charset");
    if (type.essence !== found?.essence) charset = own;
    else if (own === undefined && charset !== undefined) type.parameters.set("charset", charset);
    found = type;
  }
  return found;
}

/** The values of a header; commas in quoted strings are part of them (Fetch, "get, decode, and split"). */
function splitAtCommas(header: string): string[] {
  if (!header.includes(",")) return [header];
  return header.match(/(?:"(?:\\.|[^"\\])*(?:"|\\?$)|[^",])+/gs) ?? [];
}

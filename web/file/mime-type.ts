/** MIME types by `whatwg-mimetype`. Only its parser is in the snapshot, not its sniffing. */
import MimeType from "whatwg-mimetype/lib/mime-type.js";

export type { MimeType };

export function parseMimeType(text: string): MimeType | undefined {
  return MimeType.parse(text) ?? undefined;
}

/**
 * The MIME type of a `content-type` header. The header may have several values, joined by commas. The last valid type
 * counts, with the charset of earlier values of the same essence (Fetch, "extract a MIME type").
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

/** The values of a header. Commas in quoted strings belong to the values (Fetch, "get, decode, and split"). */
function splitAtCommas(header: string): string[] {
  if (!header.includes(",")) return [header];
  return header.match(/(?:"(?:\\.|[^"\\])*(?:"|\\?$)|[^",])+/gs) ?? [];
}

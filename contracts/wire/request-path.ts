const ESCAPE = /%([0-9a-f]{2})/gi;

/**
 * Decodes a path to its bytes, one character a byte. Control characters stay percent-encoded, as a header cannot carry them,
 * and so do spaces at the end, which readers of headers trim. An escape that is not valid stays as it is.
 */
export function decodePath(rawPath: string): string {
  if (!rawPath.includes("%")) return rawPath;
  return rawPath
    .replace(ESCAPE, (whole, hex: string) => {
      const byte = Number.parseInt(hex, 16);
      return byte < 0x20 || byte === 0x7f ? whole : String.fromCharCode(byte);
    })
    .replace(/ +$/, (spaces) => "%20".repeat(spaces.length));
}

/** Encodes a decoded path again: other toolkits send no other. */
export function encodePath(path: string): string {
  return encodeURI(path).replace(/[?#]/g, encodeURIComponent);
}

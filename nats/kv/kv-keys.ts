/**
 * Any text as a key of a KV bucket, and back. JetStream's keys have letters, digits, `-`, `_`, `/`, `=` and dots
 * between tokens that are not empty. `=` starts an escape here: `=3A` is a byte of the key's UTF-8. A dot is escaped
 * where it would leave a token empty: first, last, or after another dot. Keys that other programs wrote as plain text
 * are read as they are.
 */

/** The longest key, in bytes of UTF-8: escaped it must fit into a subject. */
export const MAX_KEY_BYTES = 512;

const PLAIN = /[A-Za-z0-9_/-]/;

/** The key as JetStream takes it. The empty text has none. */
export function encodeKvKey(key: string): string {
  let encoded = "";
  let isTokenStart = true;
  const characters = [...key];
  for (const [index, character] of characters.entries()) {
    const isDot: boolean = character === "." && !isTokenStart && index < characters.length - 1;
    encoded += isDot || PLAIN.test(character) ? character : escaped(character);
    isTokenStart = isDot;
  }
  return encoded;
}

function escaped(character: string): string {
  let text = "";
  for (const byte of Buffer.from(character)) text += `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  return text;
}

/** The key that was encoded; undefined for another program's key, which `encodeKvKey` never makes. */
export function decodeKvKey(encoded: string): string | undefined {
  const key = Buffer.from(
    encoded.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  ).toString();
  return encodeKvKey(key) === encoded ? key : undefined;
}

/** Filters, in JetStream's form, that match all keys with a prefix. They may match other keys, too. */
export function kvPrefixFilters(prefix: string): string[] {
  const encoded = encodeKvKey(`${prefix}_`).slice(0, -1);
  // Up to the last dot that parts tokens in every key with this prefix.
  const tokens = encoded.slice(0, encoded.lastIndexOf(".") + 1);
  if (tokens === "") return [">"];
  // Alone the prefix is a key, too, whose last dot is escaped.
  return tokens === encoded ? [`${tokens}>`, encodeKvKey(prefix)] : [`${tokens}>`];
}

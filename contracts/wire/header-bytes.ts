/**
 * Header values are bytes (RFC 9110, section 5.5). HTTP libraries hand them over as ISO-8859-1 strings, one character a
 * byte; NATS headers are text, written as UTF-8. Bytes that are valid UTF-8 travel as they are. Others travel as the
 * UTF-8 of their ISO-8859-1 reading, and the field's name is listed in `Narun-Latin1`, so that they come out unchanged.
 */
export interface WireValue {
  /** The text to put into a NATS header. */
  value: string;
  /** Whether the field's name has to be listed in `Narun-Latin1`. */
  isLatin1: boolean;
}

const NOT_ASCII = /[\u0080-\uffff]/;

/** Whether a header value is the same on both sides. This is the usual case, and the cheapest test. */
export function isAsciiValue(value: string): boolean {
  return !NOT_ASCII.test(value);
}

/** From HTTP (one character a byte) to NATS. */
export function toWireValue(latin1: string): WireValue {
  if (isAsciiValue(latin1)) return { value: latin1, isLatin1: false };
  const bytes = Buffer.from(latin1, "latin1");
  const text = bytes.toString("utf8");
  // Bytes that are not UTF-8 decode to replacement characters, which encode to other bytes.
  return Buffer.from(text, "utf8").equals(bytes)
    ? { value: text, isLatin1: false }
    : { value: latin1, isLatin1: true };
}

const NOT_LATIN1 = /[\u0100-\uffff]/;

/**
 * From NATS to HTTP (one character a byte). A value that cannot be ISO-8859-1 although it is listed as such is read as
 * UTF-8.
 */
export function fromWireValue(value: string, isLatin1: boolean): string {
  if (isAsciiValue(value)) return value;
  if (isLatin1 && !NOT_LATIN1.test(value)) return value;
  return Buffer.from(value, "utf8").toString("latin1");
}

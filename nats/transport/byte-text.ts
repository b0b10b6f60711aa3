/** Text whose characters are bytes, as NATS' protocol is written and read here: a text of few pieces costs less than many buffers. */

/** UTF-8, a character a byte. */
export function bytesAsText(text: string): string {
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text).toString("latin1");
}

/** The text of UTF-8 that comes a character a byte. */
export function textOf(bytes: string): string {
  return Buffer.byteLength(bytes) === bytes.length ? bytes : Buffer.from(bytes, "latin1").toString();
}

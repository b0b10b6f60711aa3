/** Header fields of a message: name → values, names exactly as on the wire, values as text (UTF-8). */
export type Headers = Map<string, string[]>;

/** A message as the codecs see it. */
export interface WireMessage {
  readonly headers: Headers | undefined;
  readonly data: Uint8Array;
}

export function createHeaders(fields: Iterable<readonly [string, string]> = []): Headers {
  const headers: Headers = new Map();
  for (const [name, value] of fields) appendHeader(headers, name, value);
  return headers;
}

export function appendHeader(headers: Headers, name: string, value: string): void {
  const values = headers.get(name);
  if (values === undefined) headers.set(name, [value]);
  else values.push(value);
}

/** The first value of a field, names compared exactly: narun's own fields are in canonical case. */
export function headerValue(headers: Headers | undefined, name: string): string | undefined {
  return headers?.get(name)?.[0];
}

const FORBIDDEN_IN_NAME = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/;
const FORBIDDEN_IN_VALUE = /[\r\n\0]/;
const NO_BYTE_OF_A_LINE = /[\r\n\0\u0100-\uffff]/;

/** Whether a name is a token (RFC 9110, section 5.6.2). */
export function isFieldName(name: string): boolean {
  return name !== "" && !FORBIDDEN_IN_NAME.test(name);
}

/** Whether a value keeps to its line. */
function isLineSafe(value: string): boolean {
  return !FORBIDDEN_IN_VALUE.test(value);
}

/** Whether a value keeps to its line, and each of its characters is a byte. */
export function isByteLine(value: string): boolean {
  return !NO_BYTE_OF_A_LINE.test(value);
}

/** Whether a field can stand in the header block of a message without breaking it apart. */
export function isHeaderSafe(name: string, value: string): boolean {
  return isFieldName(name) && isLineSafe(value);
}

/** `NATS/1.0`, its line end, and the empty line after the fields. */
const BLOCK_FRAME_BYTES = 12;
/** The colon, the space and the line end of a field. */
const FIELD_FRAME_BYTES = 4;

/** Bytes of a message on the wire, against the server's `max_payload`. */
export function messageBytes(headers: Headers, data: Uint8Array | string): number {
  let bytes = BLOCK_FRAME_BYTES + (typeof data === "string" ? Buffer.byteLength(data) : data.byteLength);
  for (const [name, values] of headers)
    for (const value of values) bytes += name.length + Buffer.byteLength(value) + FIELD_FRAME_BYTES;
  return bytes;
}

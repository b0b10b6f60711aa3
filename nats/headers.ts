import type { MsgHdrs } from "@nats-io/transport-node";

/** Header fields of a NATS message: name → values, names exactly as on the wire, values as text (UTF-8). */
export type Headers = Map<string, string[]>;

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

/** The first value of a field, names compared exactly: what crosses narun's wire is in canonical case. */
export function headerValue(headers: Headers | undefined, name: string): string | undefined {
  return headers?.get(name)?.[0];
}

const FORBIDDEN_NAME = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/;
const FORBIDDEN_VALUE = /[\r\n\0]/;

/** Whether a field can stand in a NATS header block without breaking it apart. */
export function isHeaderSafe(name: string, value: string): boolean {
  return name !== "" && !FORBIDDEN_NAME.test(name) && !FORBIDDEN_VALUE.test(value);
}

function requireSafe(name: string, value: string): void {
  if (!isHeaderSafe(name, value)) throw new TypeError(`header ${JSON.stringify(name)} cannot be sent`);
}

/** As lines of a message, each with its line end. Throws a TypeError where a field would break the message apart. */
export function formatFields(headers: Headers): string {
  let lines = "";
  for (const [name, values] of headers) {
    for (const value of values) {
      requireSafe(name, value);
      lines += `${name}: ${value}\r\n`;
    }
  }
  return lines;
}

/** Without a copy, by a field that the library's types do not show. */
export function fromMsgHeaders(headers: MsgHdrs): Headers {
  return (headers as unknown as { headers: Headers }).headers;
}

import { type Headers, isHeaderSafe } from "../contracts/index.ts";

export { appendHeader, createHeaders, type Headers, headerValue, isHeaderSafe } from "../contracts/index.ts";

function requireSafe(name: string, value: string): void {
  if (!isHeaderSafe(name, value)) throw new TypeError(`header ${JSON.stringify(name)} cannot be sent`);
}

/**
 * Header fields as lines of a message, each with its line end. Throws a TypeError where a field would break the
 * message apart.
 */
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

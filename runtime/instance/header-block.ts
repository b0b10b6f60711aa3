import { fromWireValue, headerNames, isHopByHopHeader, isReservedHeader } from "../../contracts/index.ts";
import { type Headers, headerValue } from "../../nats/index.ts";
import { splitHeaderBlock } from "../../web/index.ts";

/** The header fields of a message that are its sender's own, as a block for the isolate (web/host/boundary.ts). */
export function headerBlockOf(headers: Headers): string {
  const latin1 = new Set(headerValue(headers, headerNames.latin1)?.toLowerCase().split(","));
  let block = "";
  for (const [name, values] of headers) {
    const lowerCaseName = name.toLowerCase();
    if (isReservedHeader(name) || isHopByHopHeader(lowerCaseName)) continue;
    for (const value of lowerCaseName === "cookie" ? [values.join(COOKIE_SEPARATOR)] : values)
      block += `${lowerCaseName}\n${fromWireValue(value, latin1.has(lowerCaseName))}\n`;
  }
  return block;
}

/** Cookies are parted by this in one line, and nowhere by the comma that joins the lines of other fields (RFC 6265, 5.4). */
const COOKIE_SEPARATOR = "; ";

/** The fields of a block to send: the lines of `Cookie` are one, as servers expect it (RFC 9113, section 8.2.3). */
export function fieldsToSend(block: string): [name: string, value: string][] {
  const fields: [string, string][] = [];
  let cookie: [string, string] | undefined;
  for (const field of splitHeaderBlock(block)) {
    const isCookie = field[0].toLowerCase() === "cookie";
    if (isCookie && cookie !== undefined) cookie[1] += COOKIE_SEPARATOR + field[1];
    else {
      fields.push(field);
      if (isCookie) cookie = field;
    }
  }
  return fields;
}

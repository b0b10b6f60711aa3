import {
  fromWireValue,
  headerNames,
  isHopByHopHeader,
  isReservedHeader,
} from "../../../../contracts/index.ts";
import { type Headers, headerValue } from "../../../../nats/index.ts";

/** The header fields of a message that are its sender's own, as a block for the isolate (platform/boundary.ts). */
export function headerBlockOf(headers: Headers): string {
  const latin1 = new Set(headerValue(headers, headerNames.latin1)?.toLowerCase().split(","));
  let block = "";
  for (const [name, values] of headers) {
    const lowerCaseName = name.toLowerCase();
    if (isReservedHeader(name) || isHopByHopHeader(lowerCaseName)) continue;
    for (const value of values)
      block += `${lowerCaseName}\n${fromWireValue(value, latin1.has(lowerCaseName))}\n`;
  }
  return block;
}

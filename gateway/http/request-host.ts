/** The host that a request is for (RFC 9112, section 3.2). */
import type { IncomingMessage } from "node:http";

export type HostReading = { ok: true; host: string } | { ok: false; reason: string };

/**
 * The host; empty where the client names none. The host of an absolute target wins over the Host field. Not `ok`: the request
 * has to be refused.
 */
export function readHost(
  { rawHeaders, httpVersion }: IncomingMessage,
  ofTarget: string | undefined,
): HostReading {
  let host: string | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (name.length !== 4 || name.toLowerCase() !== "host") continue;
    if (host !== undefined) return { ok: false, reason: "there is more than one Host field" };
    host = rawHeaders[index + 1] ?? "";
  }
  if (ofTarget !== undefined && !HOST.test(ofTarget))
    return { ok: false, reason: "the request target has no valid host" };
  if (host !== undefined && !HOST.test(host)) return { ok: false, reason: "the Host field is no host" };
  if (host === undefined && httpVersion !== "1.0") return { ok: false, reason: "the Host field is missing" };
  return { ok: true, host: ofTarget ?? host ?? "" };
}

/** A name or an IP address with or without a port (RFC 3986, section 3.2.2), or nothing. */
const HOST = /^(?:|(?:\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::\d*)?)$/i;

/** Whether a request comes from this very machine, by a program or a page of it. */
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

/**
 * True where the peer is on loopback, no proxy tells of another client, and the request names this machine: `Host` and `Origin` name loopback. The last two keep out pages of other sites, whose names may resolve to this machine.
 */
export function isFromHere({ headers, socket }: IncomingMessage): boolean {
  if (!isLoopback(socket.remoteAddress ?? "")) return false;
  if (
    Object.keys(headers).some(
      (name) => name === "forwarded" || name === "via" || name.startsWith("x-forwarded-"),
    )
  )
    return false;
  const { host, origin } = headers;
  if (host === undefined || !isHere(`http://${host}`)) return false;
  return origin === undefined || isHere(origin);
}

function isHere(url: string): boolean {
  const hostname = URL.parse(url)?.hostname.replace(/^\[(.*)\]$/, "$1");
  return hostname !== undefined && (hostname === "localhost" || isLoopback(hostname));
}

function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:/i, "");
  return isIP(plain) === 4 ? plain.startsWith("127.") : plain === "::1";
}

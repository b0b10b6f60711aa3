/** Where a call carries its token: SDKs can put it into the address alone. */

import type { IncomingMessage } from "node:http";

/** `/t/TOKEN/…`: the token, and the parts of the path behind it. */
export function splitToken(path: string): { token: string | undefined; parts: string[] } {
  const parts = path.split("/").slice(1);
  return parts[0] === "t" && parts.length > 2
    ? { token: parts[1], parts: parts.slice(2) }
    : { token: undefined, parts };
}

/** The token of an `Authorization` field: the password of Basic (the user where there is none), or Bearer's. */
export function tokenOf(authorization: string | undefined): string | undefined {
  const [, scheme = "", value = ""] = /^\s*(\S+)\s+(\S+)\s*$/.exec(authorization ?? "") ?? [];
  if (scheme.toLowerCase() === "bearer") return value;
  if (scheme.toLowerCase() !== "basic") return undefined;
  const text = Buffer.from(value, "base64").toString();
  const at = text.indexOf(":");
  const [user, password] = at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
  return password || user || undefined;
}

/**
 * Whether a call comes from a program of this machine. A page in a browser of the machine is none: it names its origin, or came
 * by a name that its author points here.
 */
export function isLocalProgram({ socket, headers }: IncomingMessage): boolean {
  const host = (headers.host ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return (
    headers.origin === undefined &&
    isLoopback(socket.remoteAddress) &&
    (host === "localhost" || isLoopback(host))
  );
}

function isLoopback(address: string | undefined): boolean {
  const plain = address?.replace(/^::ffff:/, "") ?? "";
  return plain === "::1" || /^127(?:\.\d{1,3}){3}$/.test(plain);
}

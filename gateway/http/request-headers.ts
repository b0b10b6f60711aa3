import type { IncomingMessage } from "node:http";
import { encodeRequest, type Headers } from "../../contracts/index.ts";
import type { Exchange } from "./exchange.ts";
import { clientOf, type IsTrusted } from "./forwarded.ts";
import type { RequestTarget } from "./request-path.ts";

/**
 * The headers of the message that carries a request; undefined where a field cannot be sent. `host`: as the request names
 * it. A trusted proxy's word about the client, the scheme and the host counts before that.
 */
export function requestHeaders(
  { incoming, method, requestId, upgrade }: Exchange,
  { rawPath, query }: RequestTarget,
  { host, isTrusted, timeoutMs }: { host: string; isTrusted: IsTrusted; timeoutMs: number },
): Headers | undefined {
  const { socket, rawHeaders } = incoming;
  const client = clientOf(socket.remoteAddress ?? "", rawHeaders, isTrusted);
  const facts = {
    method,
    rawPath,
    query,
    host: client.host ?? host,
    scheme: client.scheme,
    fields: rawHeaders,
    requestId,
    isUpgrade: upgrade !== undefined,
  };
  const { address } = client;
  return encodeRequest(facts, { timeoutMs, client: { address, remoteAddress: peerOf(incoming) } });
}

/** `127.0.0.1:45326`, `[::1]:45326` */
function peerOf({ socket: { remoteAddress = "", remotePort = 0 } }: IncomingMessage): string {
  return remoteAddress.includes(":") ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

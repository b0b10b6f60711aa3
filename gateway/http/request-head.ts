import type { IncomingMessage } from "node:http";
import { encodeRequest } from "../../contracts/index.ts";
import type { RequestHead } from "../../dispatch/index.ts";
import type { Exchange } from "./exchange.ts";
import { clientOf, type IsTrusted } from "./forwarded.ts";
import type { RequestTarget } from "./request-path.ts";

/**
 * The head of a request; undefined where a field cannot be sent. `host`: the request's own. The fields of a
 * trusted proxy about the client, the scheme and the host count before that.
 */
export function requestHead(
  { incoming, method, requestId, upgrade }: Exchange,
  { rawPath, query }: RequestTarget,
  { host, isTrusted, timeoutMs }: { host: string; isTrusted: IsTrusted; timeoutMs: number },
): RequestHead | undefined {
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
  const headers = encodeRequest(facts, { timeoutMs, client: { address, remoteAddress: peerOf(incoming) } });
  return headers && { headers: () => headers };
}

/** `127.0.0.1:45326`, `[::1]:45326` */
function peerOf({ socket: { remoteAddress = "", remotePort = 0 } }: IncomingMessage): string {
  return remoteAddress.includes(":") ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

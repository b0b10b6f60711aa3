import type { UpgradedWebSocket } from "../../functions/sdk/index.ts";
import { ServerSocket } from "./server-socket.ts";

/** The sockets of responses that answer with a WebSocket. A response of Node cannot have the status 101. */
const upgrades = new WeakMap<object, ServerSocket>();

/** The socket of a response; undefined where it is another answer. */
export function socketOf(response: object): ServerSocket | undefined {
  return upgrades.get(response);
}

/** Marks a response as the answer with a WebSocket. */
export function answerWith(response: Response, socket: ServerSocket): void {
  upgrades.set(response, socket);
}

/**
 * Answers a request with a WebSocket. `headers`: further fields of the answer, such as `sec-websocket-protocol`. Throws a
 * TypeError where the request asks for none.
 */
export function upgradeWebSocket(
  request: Request,
  { headers }: { headers?: ConstructorParameters<typeof Headers>[0] } = {},
): UpgradedWebSocket {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket")
    throw new TypeError("The request does not ask for a WebSocket: its header field `upgrade` is missing");
  const socket = new ServerSocket();
  const response = new Response(null, headers === undefined ? {} : { headers });
  answerWith(response, socket);
  socket.addEventListener("open", () => socket.accept());
  return { socket: socket as unknown as WebSocket, response };
}

/**
 * Requests for a WebSocket. Node hands their connections over before they are answered.
 *
 * I1  Such a request is answered as any other request, until its function answers 101.
 * I2  Its connection is read while it waits: Node reports the end of a connection only to a reader. A client that has closed
 *     its direction may still wait for an answer without a WebSocket.
 */
import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Exchange } from "./exchange.ts";
import { probeHalfClosed } from "./half-closed.ts";
import type { ServeOptions } from "./passage.ts";
import { serve } from "./serve.ts";

/** Upper bound of the bytes before the 101: a client has to wait for it (RFC 6455, section 4.1). */
const MAX_EARLY_BYTES = 64 * 1024;

export function serveUpgrade(
  options: ServeOptions,
  incoming: IncomingMessage,
  socket: Socket,
  head: Buffer,
): void {
  const outgoing = new ServerResponse(incoming);
  outgoing.assignSocket(socket);
  outgoing.shouldKeepAlive = false;
  // Node has handed the connection over. This listener alone reports its end.
  const onClose = () => void outgoing.emit("close");
  socket.once("close", onClose);
  const early = [head];
  let size = head.byteLength;
  const onData = (chunk: Buffer) => {
    early.push(chunk);
    size += chunk.byteLength;
    if (size > MAX_EARLY_BYTES) socket.destroy();
  };
  const onEnd = () => probeHalfClosed(socket, () => outgoing);
  socket.on("data", onData).on("end", onEnd);
  socket.on("error", () => socket.destroy());
  outgoing.once("finish", () => socket.destroySoon());
  const release = () => {
    socket.off("data", onData).off("end", onEnd).off("close", onClose);
    outgoing.detachSocket(socket);
    return Buffer.concat(early, size);
  };
  const exchange = new Exchange(incoming, outgoing, { incoming, socket, release });
  outgoing.once("close", () => exchange.onOver());
  serve(options, exchange);
}

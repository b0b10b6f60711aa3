/** Requests for a WebSocket, whose connections Node hands over before they are answered. */
import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { messageOf } from "../contracts/index.ts";
import { beginExchange } from "./exchange.ts";
import type { Log } from "./log.ts";
import { type ServeOptions, serve } from "./serve.ts";

/** A request for a WebSocket is answered as any other, until the function says 101. */
export function serveUpgrade(
  options: ServeOptions & { log: Log },
  incoming: IncomingMessage,
  socket: Socket,
  head: Buffer,
): void {
  const outgoing = new ServerResponse(incoming);
  outgoing.assignSocket(socket);
  outgoing.shouldKeepAlive = false;
  // Node has let go of the connection: nobody else tells of its end, or ends it.
  const onClose = () => void outgoing.emit("close");
  socket.once("close", onClose);
  const { notice, ignore } = noticeEnd(socket);
  notice();
  socket.on("error", () => socket.destroy());
  outgoing.once("finish", () => socket.end());
  const release = () => {
    ignore();
    socket.off("close", onClose);
    outgoing.detachSocket(socket);
  };
  const exchange = beginExchange(incoming, outgoing, { incoming, socket, head, release });
  serve(options, exchange).catch((error: unknown) => {
    options.log.error({ requestId: exchange.requestId, error: messageOf(error) }, "an upgrade failed");
    socket.destroy();
  });
}

/** Closes a connection that its client has closed, though nobody reads from it yet. */
function noticeEnd(socket: Socket): { notice(): void; ignore(): void } {
  const onReadable = () => {
    // What has come is somebody else's to read; the end is told only to who reads.
    if (socket.readableLength === 0) socket.read();
  };
  const onEnd = () => void socket.destroy();
  return {
    notice: () => void socket.on("readable", onReadable).once("end", onEnd),
    ignore: () => void socket.off("readable", onReadable).off("end", onEnd),
  };
}

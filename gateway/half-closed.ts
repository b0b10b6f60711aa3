/**
 * Finds out whether a client is there that has closed its direction of the connection. One that waits for its answer and
 * one that has gone say the same, a FIN. Their systems differ when something is sent to them: that of a client that has
 * gone resets the connection, and the next write fails.
 *
 * I1  Nothing is sent that does not belong to the answer: before its head a byte of what each begins with, within its body
 *     a zero in front of the size of the next chunk (RFC 9112, section 7.1).
 * I2  An answer of which nothing can be sent ahead (its length is known, or the connection's end ends it) tells by its own
 *     bytes.
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

const BEGINNING = "HTTP/1.1 ";

/** Before an answer has begun: most come sooner, and a simple client reads no further than to the first bytes. */
const FIRST_MS = 500;
/** The second byte fails where the first was answered by a reset. */
const SECOND_MS = 20;
/** By how much each pause is longer than the one before: nine bytes last for some minutes. */
const GROWTH = 4;

/** To be called when the client has closed its direction. `current` is the response that is due, if any. */
export function probeHalfClosed(socket: Socket, current: () => ServerResponse | undefined): void {
  const write = socket.write;
  /** How much of the beginning of the next answer has been sent. */
  let ahead = 0;
  let sent = 0;
  socket.write = (data: string | Uint8Array, ...rest: unknown[]) => {
    const left = typeof data === "string" ? data.slice(ahead) : data.subarray(ahead);
    ahead = 0;
    return Reflect.apply(write, socket, [left, ...rest]);
  };
  const probe = (pauseMs: number) => {
    if (socket.destroyed || socket.writableEnded || sent === BEGINNING.length) return;
    const outgoing = current();
    if (outgoing?.headersSent === false) {
      write.call(socket, BEGINNING.charAt(ahead), "latin1");
      ahead += 1;
      sent += 1;
    } else if (outgoing?.chunkedEncoding && !outgoing.writableEnded) {
      write.call(socket, "0", "latin1");
      sent += 1;
    }
    setTimeout(probe, pauseMs, pauseMs * GROWTH).unref();
  };
  setTimeout(probe, current()?.headersSent === true ? 0 : FIRST_MS, SECOND_MS).unref();
}

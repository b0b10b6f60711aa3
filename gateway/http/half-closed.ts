/**
 * Finds out whether a client that has closed its direction of the connection is still there. A client that waits for its
 * answer and a client that is gone have both sent a FIN. Their systems differ at the next bytes: the system of a client that is
 * gone resets the connection, and the next write fails.
 *
 * I1  All bytes that are sent belong to the answer: before its head a byte of the beginning that all answers share, within its
 *     body a zero before the size of the next chunk (RFC 9112, section 7.1).
 * I2  An answer without such bytes (its length is known, or the end of the connection ends it) is probed by its own bytes.
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

const BEGINNING = "HTTP/1.1 ";

/**
 * How long the first probe waits before an answer has begun. Most answers come sooner, and a simple client may stop reading
 * at the first bytes.
 */
const FIRST_MS = 500;
/** How long the second probe waits: it fails where the first was answered by a reset. */
const SECOND_MS = 20;
/** The factor between two pauses: nine bytes last for some minutes. */
const GROWTH = 4;

/** Begins to probe a client that has closed its direction. `current` is the response that is due, if any. */
export function probeHalfClosed(socket: Socket, current: () => ServerResponse | undefined): void {
  const write = socket.write;
  /** Number of bytes of the next answer that were sent ahead. */
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

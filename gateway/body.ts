import { type IncomingMessage, maxHeaderSize, type ServerResponse } from "node:http";
import type { Nats } from "../nats/index.ts";

export type Body = { kind: "whole"; data: Uint8Array } | { kind: "too-large" } | { kind: "gone" };

const EMPTY = new Uint8Array();

/** What the headers of a message may need: those of the client, twice (ISO-8859-1 as UTF-8), and the gateway's own. */
const HEAD_ROOM_BYTES = 2 * maxHeaderSize + 1_024;

/** The largest body that one message carries besides its headers. */
export function maxMessageBody({ maxPayload }: Pick<Nats, "maxPayload">): number {
  return maxPayload - HEAD_ROOM_BYTES;
}

/**
 * Reads a request's body. One whose announced length is over the limit is not read at all; one that has none is read
 * until it passes the limit. `gone`: the client went away before its end.
 */
export function readBody(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  maxBytes: number,
): Promise<Body> {
  if (!hasBody(incoming)) return Promise.resolve({ kind: "whole", data: EMPTY });
  if (Number(incoming.headers["content-length"] ?? 0) > maxBytes)
    return Promise.resolve({ kind: "too-large" });
  // Only now: a client that asked first is told that its body is not wanted before it sends any of it.
  if (incoming.headers.expect !== undefined) outgoing.writeContinue();
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (body: Body) => {
      incoming.off("data", onData).off("end", onEnd).off("close", onClose).off("error", onClose);
      resolve(body);
    };
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size <= maxBytes) return;
      incoming.pause();
      finish({ kind: "too-large" });
    };
    const onEnd = () => {
      const [first] = chunks;
      finish({ kind: "whole", data: chunks.length === 1 && first ? first : Buffer.concat(chunks, size) });
    };
    const onClose = () => finish({ kind: "gone" });
    incoming.on("data", onData).on("end", onEnd).on("close", onClose).on("error", onClose);
  });
}

/** For so long the rest of a refused body is still read: closing at once would reset the connection under the answer. */
const LINGER_MS = 500;

/** Calls back when a refused body has ended, its sender is gone, or has had its time. */
export function lingerFor(incoming: IncomingMessage, end: () => void): void {
  const finish = () => {
    clearTimeout(timer);
    incoming.off("end", finish).off("close", finish).off("error", finish);
    end();
  };
  const timer = setTimeout(finish, LINGER_MS);
  incoming.on("end", finish).on("close", finish).on("error", finish);
  incoming.resume();
}

/** Whether a request has a body that has to be waited for. */
function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers["content-length"];
  return (length !== undefined && length !== "0") || headers["transfer-encoding"] !== undefined;
}

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { eventually } from "../../test/harness/eventually.ts";

/** A connection on which a test writes bytes of its own. It stays open until the test closes it. */
export interface RawClient extends Disposable {
  readonly socket: Socket;
  /** The received text. */
  readonly text: string;
  /** Resolves when the received text matches. */
  has(pattern: RegExp): Promise<void>;
  /** Resolves with the received text when the other side closes its direction; rejects at a reset of the connection. */
  readonly ended: Promise<string>;
}

export async function connectRaw(url: string, { reads = true } = {}): Promise<RawClient> {
  const { hostname, port } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  await once(socket, "connect");
  let text = "";
  const end = Promise.withResolvers<string>();
  end.promise.catch(() => undefined);
  if (reads) socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  socket.on("end", () => end.resolve(text)).on("error", end.reject);
  return {
    socket,
    get text() {
      return text;
    },
    has: (pattern) =>
      eventually(() => {
        if (!pattern.test(text)) throw new Error(`${pattern} is not in ${JSON.stringify(text)}`);
      }),
    ended: end.promise,
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

/** The status codes in a received text, in order. Bodies must have no status line. */
export function statusesIn(text: string): number[] {
  return [...text.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));
}

/** A request for a WebSocket. */
export const handshake = (path: string, { version = 13 } = {}) =>
  [
    `GET ${path} HTTP/1.1`,
    "Host: test",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    `Sec-WebSocket-Version: ${version}`,
    "\r\n",
  ].join("\r\n");

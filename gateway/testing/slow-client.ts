import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A client that has sent the beginning of a request. The test sends the rest. */
export interface SlowClient {
  /** Sends more bytes of the request. */
  send(text: string): void;
  /** Sends a chunk of a chunked body. */
  sendChunk(text: string): void;
  /** The received text so far. */
  readonly received: string;
  /** Resolves with the first line of the answer. */
  statusLine(): Promise<string>;
  close(): void;
}

/** Connects to a gateway and sends `head`: a request's first lines, without the empty one. */
export async function startSlowClient(url: string, head: string[]): Promise<SlowClient> {
  const { hostname, port } = new URL(url);
  const socket: Socket = connect(Number(port), hostname);
  let received = "";
  socket
    .on("error", () => undefined)
    .on("data", (data) => {
      received += data.toString("latin1");
    });
  await once(socket, "connect");
  socket.write(`${head.join("\r\n")}\r\nHost: slow\r\n\r\n`);
  return {
    send: (text) => void socket.write(text),
    sendChunk: (text) => void socket.write(`${text.length.toString(16)}\r\n${text}\r\n`),
    get received() {
      return received;
    },
    async statusLine() {
      while (!received.includes("\r\n")) await once(socket, "data");
      return received.slice(0, received.indexOf("\r\n"));
    },
    close: () => void socket.destroy(),
  };
}

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { formatFrame, parseFrame } from "../../contracts/index.ts";
import type { Lease } from "../../nats/transport/read-buffers.ts";
import type { ArrivedFrame, FramePort } from "../socket-channel.ts";

/** The frames of one exchange over a real connection, each with its length before it. The payload is gone after the call. */
export function framesOver(socket: Socket, arrived: (frame: ArrivedFrame) => void): FramePort {
  let left = Buffer.alloc(0);
  socket.on("data", (read: Buffer) => {
    left = Buffer.concat([left, read]);
    for (let size = left.readUInt32LE(0); left.byteLength >= 4 + size; ) {
      const [name = "", trailers = ""] = left.toString("latin1", 8, 4 + left.readUInt32LE(4)).split("\0");
      const payload = left.subarray(4 + left.readUInt32LE(4), 4 + size);
      const frame = parseFrame(name);
      if (frame !== undefined) arrived({ frame, trailers, payload, lease: BRIEF });
      payload.fill(0);
      left = left.subarray(4 + size);
      if (left.byteLength < 8) break;
      size = left.readUInt32LE(0);
    }
  });
  return {
    send(frame, payload, done, trailers) {
      const head = Buffer.from(`${formatFrame(frame)}\0${trailers}`, "latin1");
      const body = Buffer.from(payload);
      const sizes = Buffer.alloc(8);
      sizes.writeUInt32LE(4 + head.byteLength + body.byteLength, 0);
      sizes.writeUInt32LE(4 + head.byteLength, 4);
      socket.write(Buffer.concat([sizes, head, body]), () => done?.());
    },
    follow(listener) {
      socket.once("close", listener);
      return () => socket.off("close", listener);
    },
  };
}

/** Nothing can be held: a reader that keeps bytes has to copy them. */
const BRIEF: Lease = { hold: () => undefined };

/** Two ends of a connection, and the function that closes both. */
export async function connectedPair(): Promise<{ ends: [Socket, Socket]; close(): void }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const accepted = once(server, "connection");
  const near = connect(address.port, "127.0.0.1");
  const [far] = (await accepted) as [Socket];
  for (const end of [near, far]) end.setNoDelay();
  server.close();
  return {
    ends: [near, far],
    close() {
      near.destroy();
      far.destroy();
    },
  };
}

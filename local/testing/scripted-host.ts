import { createServer, type Server, type Socket } from "node:net";
import { FrameBatch, FrameSplitter } from "../../contracts/index.ts";

/** Writes frames to a gateway. */
export function send(socket: Socket, write: (batch: FrameBatch) => unknown): void {
  const batch = new FrameBatch();
  write(batch);
  for (const piece of batch.take()) socket.write(piece);
}

/** Reads the frames of a gateway. */
export function onFrames(socket: Socket, take: (type: number, number: number) => void): void {
  const splitter = new FrameSplitter((type, number) => {
    take(type, number);
    return true;
  });
  socket.on("data", (bytes) => splitter.push(bytes as Buffer));
}

/** Starts a host that says what the test wants, and not what a host would say. */
export async function startScriptedHost(
  path: string,
  onConnection: (socket: Socket) => void,
): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>();
  const host: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("end", () => socket.end());
    socket.resume();
    onConnection(socket);
  });
  await new Promise<void>((resolve) => host.listen(path, resolve));
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => host.close(resolve));
    },
  };
}

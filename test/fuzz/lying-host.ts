import { createServer, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { FrameSplitter, socketFrames } from "../../contracts/index.ts";
import type { FrameScript, Frames } from "./frame-script.ts";

export interface LyingHost {
  /** Resolves when the connection is over. */
  readonly over: Promise<void>;
  readonly isOver: boolean;
  /** For messages. */
  readonly state: string;
  close(): Promise<void>;
}

/**
 * Plays a script on its first connection: its greeting, and the rest after so many requests came. Then it ends the connection.
 * Others are cut.
 */
export async function startLyingHost(
  path: string,
  script: FrameScript,
  requests: number,
): Promise<LyingHost> {
  const over = Promise.withResolvers<void>();
  let first: Socket | undefined;
  let isOver = false;
  let left = requests;
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    if (first !== undefined) {
      socket.destroy();
      return;
    }
    first = socket;
    socket.on("close", () => {
      isOver = true;
      over.resolve();
    });
    const splitter = new FrameSplitter((type) => {
      if (type === socketFrames.request) left -= 1;
      if (type === socketFrames.request && left === 0 && !script.isEarly) void play(socket, script);
      return true;
    });
    socket.on("data", (bytes: Buffer) => splitter.push(bytes));
    socket.write(script.greeting);
    if (script.isEarly) void play(socket, script);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    over: over.promise,
    get isOver() {
      return isOver;
    },
    get state() {
      if (first === undefined) return "is not connected";
      const bytes = script.pieces.reduce((sum, piece) => sum + piece.length, script.greeting.length);
      return `is ${first.readyState}, expects ${left} requests, and wrote ${first.bytesWritten} of ${bytes} bytes`;
    },
    close() {
      first?.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Writes frames, and ends the connection. */
async function play(socket: Socket, frames: Frames): Promise<void> {
  await write(socket, frames);
  socket.end();
}

export async function write(socket: Socket, { pieces, isSlow }: Frames): Promise<void> {
  for (const piece of pieces) {
    if (socket.destroyed) return;
    socket.write(piece);
    if (isSlow) await turn();
  }
}

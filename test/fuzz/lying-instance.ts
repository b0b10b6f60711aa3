import { createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { FrameSplitter, socketFrames } from "../../contracts/index.ts";
import type { Random } from "../soak/random.ts";
import type { Clock } from "./clock.ts";
import { createFrames, createGreeting } from "./frame-script.ts";
import { write } from "./lying-host.ts";

export interface LyingInstanceOptions {
  path: string;
  machine: string;
  random: Random;
  /** The numbers of requests under way at other hosts. */
  foreign(): readonly [number, ...number[]];
  /** It has lied. */
  onLied(): void;
  clock: Clock;
}

/** A host of one instance, which lies about the requests that come. */
export interface LyingInstance {
  /** Resolves when a gateway has come. */
  readonly met: Promise<void>;
  /** The names of its lies, for messages. */
  readonly names: readonly string[];
  close(): Promise<void>;
}

/** Upper bound of the requests after which it lies. */
const MAX_REQUESTS = 3;
/** How long it stays where it does not end its connection: longer than any request waits for the head of its answer. */
const STAY_TICKS = 9;

/** On its first connection it greets, waits for some requests, lies, and ends the connection or keeps it. Others are cut. */
export async function startLyingInstance(options: LyingInstanceOptions): Promise<LyingInstance> {
  const { path, machine, random, foreign, onLied, clock } = options;
  const names: string[] = [];
  const met = Promise.withResolvers<void>();
  let first: Socket | undefined;
  const wanted = random.between(1, MAX_REQUESTS);
  const stays = random.between(0, 19) === 0;
  const lie = async (socket: Socket, own: readonly [number, ...number[]]) => {
    const frames = createFrames(random, { own, foreign: foreign() });
    names.push(...frames.names);
    await write(socket, frames);
    onLied();
    while (stays && clock.ranTicks < STAY_TICKS && !socket.destroyed) await sleep(100);
    socket.end();
  };
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    if (first !== undefined) {
      socket.destroy();
      return;
    }
    first = socket;
    const numbers: number[] = [];
    const splitter = new FrameSplitter((type, number) => {
      if (type === socketFrames.hello) met.resolve();
      if (type !== socketFrames.request || numbers.push(number) !== wanted) return true;
      void lie(socket, [number, ...numbers]);
      return true;
    });
    socket.on("data", (bytes: Buffer) => splitter.push(bytes));
    socket.write(createGreeting(random, machine).bytes);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    met: met.promise,
    names,
    close() {
      first?.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/**
 * Finds out, after answers, that an isolate is nearly full: the next request, however small, would pay for what those before it
 * have left there.
 *
 * I1  It looks when a request is over, `PAUSE_MS` after the last look at the earliest: a look costs the isolate's thread a tenth
 *     of a millisecond.
 * I2  What lies there as garbage does not count: an isolate that seems nearly full is asked for the room that is to be left. V8
 *     collects before it says that there is none.
 */
import { MIB } from "../../../contracts/index.ts";

export interface Fullness {
  /** A request is over. */
  look(): void;
  close(): void;
}

export interface FullnessOptions {
  memoryMb: number;
  /** Bytes that V8 puts down to the isolate, garbage included; undefined where the isolate is gone. */
  usedBytes(): Promise<number | undefined>;
  /** Asks the isolate for so much room. Where there is none, it says so (PostOp.nearlyFull). */
  probe(bytes: number): void;
}

const PAUSE_MS = 250;
/** The part of its memory that an isolate is to have left. */
const LEFT = 0.1;

export function createFullness({ memoryMb, usedBytes, probe }: FullnessOptions): Fullness {
  const bytes = memoryMb * MIB;
  let lastAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;

  const lookNow = async () => {
    timer = undefined;
    lastAt = performance.now();
    const used = await usedBytes();
    if (used !== undefined && used > bytes * (1 - LEFT)) probe(Math.ceil(bytes * LEFT));
  };
  return {
    look() {
      if (timer !== undefined) return;
      const waitMs = PAUSE_MS - (performance.now() - lastAt);
      if (waitMs <= 0) void lookNow();
      else timer = setTimeout(() => void lookNow(), waitMs).unref();
    },
    close: () => clearTimeout(timer),
  };
}

/**
 * Detects that an isolate is nearly full. The memory that earlier requests left there would otherwise fail the next one,
 * however small.
 *
 * I1  The memory is measured when a request is over, and at most once in `PAUSE_MS`: each measurement costs the isolate's
 *     thread a tenth of a millisecond.
 * I2  Garbage does not count. An isolate that seems nearly full is asked for the room that has to be left: V8 collects its
 *     garbage before it refuses.
 */
import { MIB } from "../../../contracts/index.ts";

export interface Fullness {
  /** Measures after a request is over, now or after the pause. */
  look(): void;
  close(): void;
}

export interface FullnessOptions {
  memoryMb: number;
  /** Bytes that V8 counts for the isolate, garbage included; undefined after its end. */
  usedBytes(): Promise<number | undefined>;
  /** Asks the isolate for so much room. The isolate posts `PostOp.nearlyFull` where it has less. */
  probe(bytes: number): void;
}

/** How long the next measurement waits after the last one. */
const PAUSE_MS = 250;
/** The part of its memory that an isolate has to have left. */
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

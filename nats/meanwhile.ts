/**
 * A follower of a stream whose reader's server died reads the stream's copies, any of them, until it has a reader again. A new
 * reader needs a leader of the cluster and one of the stream, which takes an
 * election of up to 9 s; a copy is read without.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type ReadStoredOptions, readStored, type StoredMessage } from "./stored-messages.ts";
import type { StreamReader } from "./stream-reader.ts";

/** How often a copy is read. */
const LOOK_MS = 500;
/** A server that is cut off does not answer: another one is asked soon. */
const SILENCE_MS = 1_000;

export interface MeanwhileOptions
  extends Omit<ReadStoredOptions, "filter" | "from" | "silenceMs" | "isOnce"> {
  filters: readonly string[];
  /** The first sequence that was not seen, asked for at each look. */
  next(): number;
}

/**
 * Yields new messages until the reader is open, and returns it. Copies may be behind: the reader brings the rest, and
 * repeats messages. Rejects where the reader cannot be opened.
 */
export async function* untilOpen(
  opening: Promise<StreamReader>,
  { filters, next, ...source }: MeanwhileOptions,
): AsyncGenerator<StoredMessage, StreamReader> {
  for (;;) {
    const opened = await Promise.race([opening, sleep(LOOK_MS, undefined, { ref: false })]);
    if (opened !== undefined) return opened;
    for (const filter of filters)
      yield* lookOnce({ ...source, filter, from: next(), silenceMs: SILENCE_MS, isOnce: true });
  }
}

/** A copy that cannot be read says nothing: the next look may find another. */
async function* lookOnce(options: ReadStoredOptions): AsyncGenerator<StoredMessage, void> {
  try {
    yield* readStored(options);
  } catch {
    return;
  }
}

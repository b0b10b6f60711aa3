/**
 * Whether writes are better sent together, by how long they take. An atomic batch costs the server the same few milliseconds for
 * one message and for thirty; a plain message costs one sync of the disk, or next to nothing where the sync comes later.
 *
 * The time of a plain message is the server's own: messages that were sent together are stored one after the other, and the server
 * notes when. The time that one waits for an acknowledgement would not do: on a busy machine it is that of the waiting process.
 */
import type { Pace } from "./grouped-writes.ts";

/** How long a batch takes, before the first one. */
const EXPECTED_BATCH_MS = 4;
/** How long a measurement of batches counts. After that the next one is tried. */
const BATCH_COUNTS_MS = 10_000;
/** How long a measurement of plain messages counts. */
const ALONE_COUNTS_MS = 2_000;
/** How many writes under way are worth a measurement: fewer hardly gain by a batch. */
const LEAST_MEASURED = 8;
/** How much more the writes under way must cost than a batch, before the next ones wait. */
const MARGIN = 1.25;
/** The step of a median: up or down with each measurement. */
const STEP = 1.07;

export class WritePace implements Pace {
  #aloneMs = 0;
  #aloneAtMs = Number.NEGATIVE_INFINITY;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #batchMs = EXPECTED_BATCH_MS;
  #batchAtMs = Number.NEGATIVE_INFINITY;

  noteAlone(eachMs: number, nowMs: number): void {
    const isFirst = this.#aloneAtMs === Number.NEGATIVE_INFINITY;
    this.#aloneMs = isFirst ? eachMs : (this.#aloneMs + eachMs) / 2;
    this.#aloneAtMs = nowMs;
  }

  noteBatch(tookMs: number, nowMs: number): void {
    const isFirst = nowMs - this.#batchAtMs > BATCH_COUNTS_MS;
    // A first batch that took long by chance does not end the trial.
    this.#batchMs = isFirst ? Math.min(tookMs, 2 * EXPECTED_BATCH_MS) : toward(this.#batchMs, tookMs);
    this.#batchAtMs = nowMs;
  }

  /** The server takes no batches: none is tried for a while. */
  noteUnfit(nowMs: number): void {
    this.#batchMs = Number.POSITIVE_INFINITY;
    this.#batchAtMs = nowMs;
  }

  /** So many writes under way, one by one, cost clearly more than a batch; or it is time to see. */
  isSlow(count: number, nowMs: number): boolean {
    if (this.isUnknown(nowMs)) return count >= LEAST_MEASURED && this.#mayTry(nowMs);
    return count > 1 && count * this.#aloneMs > MARGIN * this.#costOfBatch(nowMs);
  }

  /** So many writes go faster as a batch. */
  isBatch(count: number, nowMs: number): boolean {
    if (count < 2 || this.isUnknown(nowMs)) return false;
    return count * this.#aloneMs > this.#costOfBatch(nowMs);
  }

  /** The time of plain messages was not measured for a while. */
  isUnknown(nowMs: number): boolean {
    return nowMs - this.#aloneAtMs > ALONE_COUNTS_MS;
  }

  /** A measurement slows the writes down: after a failure the next trial waits. */
  #mayTry(nowMs: number): boolean {
    if (nowMs - this.#triedAtMs < ALONE_COUNTS_MS) return false;
    this.#triedAtMs = nowMs;
    return true;
  }

  #costOfBatch(nowMs: number): number {
    return nowMs - this.#batchAtMs > BATCH_COUNTS_MS ? EXPECTED_BATCH_MS : this.#batchMs;
  }
}

/** A median that follows the measurements. */
function toward(median: number, measuredMs: number): number {
  return measuredMs > median ? Math.min(measuredMs, median * STEP) : Math.max(measuredMs, median / STEP);
}

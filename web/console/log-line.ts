/**
 * Log lines on their way to the host. The host bounds them by time (`limits.logBytesPerSecond`). The isolate bounds them by
 * entry: otherwise the host's memory would hold all lines of a loop that never pauses.
 *
 * I1  An entry posts at most `MAX_ENTRY_BYTES`, which is more than the host takes at once (LOG_BURST_SECONDS there).
 * I2  Every dropped line is counted and reported to the host: once when the entry pauses, and for the rest when the next
 *     entry begins.
 */
import { PostOp } from "../host/boundary.ts";
import { postToHost } from "../host/host-link.ts";
import { currentOwner } from "../start/owner.ts";

const MAX_ENTRY_BYTES = 16 * 1024 * 1024;
const MAX_LINE_LENGTH = 1024 * 1024;
/** The cost of a line besides its text. */
const LINE_OVERHEAD_BYTES = 256;

let posted = 0;
let dropped = 0;
let hasReported = false;

/** A new entry begins, with a full budget. */
export function refillLogBudget(): void {
  if (dropped > 0) reportDropped();
  posted = 0;
  hasReported = false;
}

/** Logs one line. `format` is not called for a dropped line. */
export function logLine(level: string, format: () => string): void {
  if (posted >= MAX_ENTRY_BYTES) {
    drop();
    return;
  }
  const text = format().slice(0, MAX_LINE_LENGTH);
  posted += text.length + LINE_OVERHEAD_BYTES;
  postToHost(PostOp.log, level, text, currentOwner());
}

function drop(): void {
  dropped += 1;
  if (hasReported) return;
  hasReported = true;
  void reportAtPause();
}

async function reportAtPause(): Promise<void> {
  await undefined;
  reportDropped();
}

function reportDropped(): void {
  postToHost(PostOp.dropped, dropped);
  dropped = 0;
}

/** Log lines that were dropped. Their count is written once a second while there are any. */
export interface DroppedLines {
  /** `bytes` is undefined where only the number of lines is known. */
  add(lines: number, bytes: number | undefined): void;
  /** Writes the count now. */
  tell(): void;
}

/** How long dropped lines are counted before the count is written. */
const COUNT_MS = 1_000;

export interface DroppedCount {
  lines: number;
  bytes: number;
  /** Whether the bytes of all lines are known. */
  isExact: boolean;
}

/** `write` gets each count. */
export function createDroppedLines(write: (count: DroppedCount) => void): DroppedLines {
  let count: DroppedCount = { lines: 0, bytes: 0, isExact: true };
  let timer: NodeJS.Timeout | undefined;
  const tell = () => {
    clearTimeout(timer);
    timer = undefined;
    if (count.lines === 0) return;
    const told = count;
    count = { lines: 0, bytes: 0, isExact: true };
    write(told);
  };
  return {
    add(lines, bytes) {
      count.lines += lines;
      count.bytes += bytes ?? 0;
      count.isExact &&= bytes !== undefined;
      timer ??= setTimeout(tell, COUNT_MS);
    },
    tell,
  };
}

/** `3 log lines of 40 bytes were dropped`. */
export function describeDropped(count: DroppedCount): string {
  const lines = count.lines === 1 ? "line" : "lines";
  const bytes = `${count.bytes} bytes${count.isExact ? "" : " or more"}`;
  const were = count.lines === 1 ? "was" : "were";
  return `${count.lines} log ${lines} of ${bytes} ${were} dropped`;
}

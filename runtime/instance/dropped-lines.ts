/** Log lines that were dropped. Their count is written once a second while there are any. */
export interface DroppedLines {
  /** `bytes` is undefined where only the number of lines is known. */
  add(lines: number, bytes: number | undefined): void;
  /** Writes the count now. */
  tell(): void;
}

/** How long dropped lines are counted before the count is written. */
const COUNT_MS = 1_000;

export function createDroppedLines(bytesPerSecond: number, write: (text: string) => void): DroppedLines {
  let count = { lines: 0, bytes: 0, isExact: true };
  let timer: NodeJS.Timeout | undefined;
  const tell = () => {
    clearTimeout(timer);
    timer = undefined;
    if (count.lines === 0) return;
    const text = describe(count, bytesPerSecond);
    count = { lines: 0, bytes: 0, isExact: true };
    write(text);
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

function describe(count: { lines: number; bytes: number; isExact: boolean }, bytesPerSecond: number): string {
  const lines = count.lines === 1 ? "line" : "lines";
  const bytes = `${count.bytes} bytes${count.isExact ? "" : " or more"}`;
  const were = count.lines === 1 ? "was" : "were";
  return `LOG_LIMIT: ${count.lines} log ${lines} of ${bytes} ${were} dropped: more than limits.logBytesPerSecond (${bytesPerSecond} bytes)`;
}

/**
 * The lines that a program prints.
 *
 * I1  A line without an end is shown in pieces: memory is bounded.
 * I2  A program that prints more than `MAX_BYTES_PER_SECOND` waits for its own output: its node has other work.
 */
import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

/** Upper bound of one piece of a line, in characters. */
const MAX_LINE_LENGTH = 64 * 1024;
const MAX_BYTES_PER_SECOND = 8 * 1024 * 1024;

/** Calls back with each line, without its end. Resolves when the output ends. */
export async function readLines(output: Readable, onLine: (line: string) => void): Promise<void> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  let [bytes, sinceMs] = [0, performance.now()];
  const take = (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line.replace(/\r$/, ""));
    for (; rest.length >= MAX_LINE_LENGTH; rest = rest.slice(MAX_LINE_LENGTH))
      onLine(rest.slice(0, MAX_LINE_LENGTH));
  };
  output.on("data", (chunk: Buffer) => {
    take(decoder.write(chunk));
    const nowMs = performance.now();
    if (nowMs - sinceMs > 1_000) [bytes, sinceMs] = [0, nowMs];
    bytes += chunk.byteLength;
    if (bytes < MAX_BYTES_PER_SECOND) return;
    output.pause();
    setTimeout(() => output.resume(), sinceMs + 1_000 - nowMs);
  });
  await new Promise<void>((resolve) => output.once("close", resolve).once("error", () => resolve()));
  take(decoder.end());
  if (rest !== "") onLine(rest);
}

/**
 * The way of log lines to NATS whose texts are sealed.
 *
 * I1  No text leaves the process in clear. A line that cannot be sealed is dropped, and counted by its reason.
 * I2  Lines leave in the order in which they came, with numbers without a gap: one that is dropped has none.
 * I3  Lines are sealed after the turn in which they came, those of one turn together: no request waits for them.
 * I4  The lines that wait for a key are bounded.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  type ErrorCode,
  isNarunError,
  type LogLine,
  placeOfLine,
  type SealPlace,
  sealedText,
} from "../../contracts/index.ts";
import { createDroppedLines, describeDropped } from "./dropped-lines.ts";
import { within } from "./within.ts";

/** Takes the lines of a log. */
export interface LineSink {
  put(line: LogLine): void;
  /** Resolves when no line waits. Lines whose key does not come are dropped. */
  close(): Promise<void>;
}

/** Seals texts by the keys of the function's labels. */
export interface LineSealer {
  sealText(label: string, text: string, place: SealPlace): Promise<string>;
}

interface SealedLinesOptions {
  label: string;
  sealer: LineSealer;
  publish(line: LogLine): void;
}

/** Upper bound of the texts that wait, in characters. */
const MAX_WAITING = 4 * 1024 * 1024;
/** How long no line leaves, at the end of an instance, until its key counts as absent. */
const STALLED_MS = 2_000;
/** The lines that are sealed without a pause: they take about a millisecond. */
const BATCH = 64;

export function createSealedLines(options: SealedLinesOptions): LineSink {
  return new SealedLines(options);
}

class SealedLines implements LineSink {
  readonly #options: SealedLinesOptions;
  readonly #waiting: LogLine[] = [];
  readonly #dropped = createDroppedLines((count) => this.#tellDropped(describeDropped(count)));
  #waitingLength = 0;
  #number = 0;
  #sealing: Promise<void> | undefined;
  /** The last line that was dropped, and why. */
  #lost: { line: LogLine; why: string } | undefined;

  constructor(options: SealedLinesOptions) {
    this.#options = options;
  }

  put(line: LogLine): void {
    if (this.#waitingLength + line.message.length > MAX_WAITING) {
      this.#drop([line], "its key has not come");
      return;
    }
    this.#waiting.push(line);
    this.#waitingLength += line.message.length;
    this.#sealing ??= this.#sealWaiting();
  }

  /** A busy machine may seal for long, and each look finds fewer lines; a key may never come. */
  async close(): Promise<void> {
    for (let before = -1; this.#sealing !== undefined && this.#number > before; ) {
      before = this.#number;
      await within(STALLED_MS, this.#sealing);
    }
    this.#drop(this.#take(), "its key has not come");
    this.#dropped.tell();
  }

  async #sealWaiting(): Promise<void> {
    do {
      await nextTurn();
      for (const line of this.#waiting.slice(0, BATCH)) await this.#seal(line);
    } while (this.#waiting.length > 0);
    this.#sealing = undefined;
  }

  /** Seals the first line that waits. Without a key all of them go: each would ask for it in vain. */
  async #seal(line: LogLine): Promise<void> {
    if (this.#waiting[0] !== line) return;
    const { label, sealer, publish } = this.#options;
    const numbered = { ...line, number: this.#number + 1 };
    const sealed = await sealer
      .sealText(label, line.message, placeOfLine(numbered))
      .catch((error: unknown) => ({
        code: isNarunError(error) ? error.code : ("INTERNAL" satisfies ErrorCode),
      }));
    // It was dropped meanwhile.
    if (this.#waiting[0] !== line) return;
    if (typeof sealed !== "string") return this.#drop(this.#take(), sealed.code);
    this.#waiting.shift();
    this.#waitingLength -= line.message.length;
    this.#number += 1;
    publish({ ...numbered, message: sealedText(label), sealed });
  }

  #take(): LogLine[] {
    this.#waitingLength = 0;
    return this.#waiting.splice(0);
  }

  #drop(lines: readonly LogLine[], why: string): void {
    const last = lines.at(-1);
    if (last === undefined) return;
    this.#lost = { line: last, why };
    this.#dropped.add(
      lines.length,
      lines.reduce((sum, { message }) => sum + Buffer.byteLength(message), 0),
    );
  }

  /** In clear: it has no word of the function. */
  #tellDropped(count: string): void {
    if (this.#lost === undefined) return;
    const { line, why } = this.#lost;
    const { request_id: _request, trace_id: _trace, ...facts } = line;
    const { label, publish } = this.#options;
    const message = `${"LOG_NOT_SEALED" satisfies ErrorCode}: ${count}: they could not be sealed for ${label}: ${why}`;
    publish({ ...facts, level: "error", stream: "stderr", timestamp: new Date().toISOString(), message });
  }
}

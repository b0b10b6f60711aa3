import { createColors } from "picocolors";
import { type Spinner, startSpinner } from "./spinner.ts";
import { controlFreeJson, keepColours, withoutColours } from "./terminal-text.ts";

export interface OutputOptions {
  json?: boolean;
  quiet?: boolean;
}

export interface Column<T> {
  title: string;
  value(row: T): string;
  /** Numbers read better from the right. */
  align?: "right";
  colour?(text: string, row: T): string;
}

/**
 * Where a command writes: results to standard output, everything else to standard error. The only place of the project
 * that does. Of what is text nothing controls the terminal, except by colours (terminal-text.ts).
 */
export interface Output {
  readonly isJson: boolean;
  readonly colours: ReturnType<typeof createColors>;
  line(text?: string): void;
  /** Bytes as they are: the body of a response. */
  bytes(data: Uint8Array): void;
  /** A piece of such a body; resolves when whoever reads has taken it. */
  piece(data: Uint8Array): Promise<void>;
  json(value: unknown): void;
  table<T>(columns: Column<T>[], rows: readonly T[]): void;
  /** A remark for people, not part of the result; silent with --quiet and --json. */
  note(text: string): void;
  error(text: string): void;
  /** Shows that something takes its time: a spinner on a terminal, nothing elsewhere. */
  progress(text: string): Progress;
}

export interface Progress {
  update(text: string): void;
  /** Takes it away again. To be called before anything else is written. */
  end(): void;
}

/** What takes less is not worth a spinner. */
const SPINNER_DELAY_MS = 300;

export function createOutput({ json = false, quiet = false }: OutputOptions = {}): Output {
  const { isTTY } = process.stdout;
  const wantsColours = !process.env.NO_COLOR && process.env.TERM !== "dumb";
  const colours = createColors(isTTY === true && wantsColours);
  const harmless = colours.isColorSupported ? keepColours : withoutColours;
  const out = (text: string) => process.stdout.write(harmless(text));
  // Standard error may be a file where standard output is a terminal.
  const isErrorTTY = process.stderr.isTTY;
  const harmlessError = isErrorTTY && wantsColours ? keepColours : withoutColours;
  const err = (text: string) => void process.stderr.write(`${harmlessError(text)}\n`);
  const isSilent = json || quiet;
  return {
    isJson: json,
    colours,
    line: (text = "") => void out(`${text}\n`),
    bytes: (data) => {
      process.stdout.write(data);
      // A prompt begins on a line of its own.
      if (isTTY && data.length > 0 && data.at(-1) !== NEWLINE) out("\n");
    },
    piece: (data) => new Promise((resolve) => process.stdout.write(data, () => resolve())),
    json: (value) => void out(`${controlFreeJson(JSON.stringify(value))}\n`),
    table: (columns, rows) => void out(formatTable(columns, rows, colours.dim)),
    note: (text) => {
      if (!isSilent) err(text);
    },
    error: err,
    progress: (text) => (isSilent || !isErrorTTY ? silentProgress : startProgress(text, colours.cyan)),
  };
}

const NEWLINE = 10;

const silentProgress: Progress = { update: () => undefined, end: () => undefined };

function startProgress(text: string, colour: (text: string) => string): Progress {
  let spinner: Spinner | undefined;
  let latest = text;
  const timer = setTimeout(() => {
    spinner = startSpinner(process.stderr, latest, colour);
  }, SPINNER_DELAY_MS);
  timer.unref();
  return {
    update(next) {
      latest = next;
      spinner?.update(next);
    },
    end() {
      clearTimeout(timer);
      spinner?.clear();
      spinner = undefined;
    },
  };
}

/** Columns padded to their widest cell, two spaces between. */
export function formatTable<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  title: (text: string) => string,
): string {
  const widths = columns.map((column) =>
    Math.max(column.title.length, ...rows.map((row) => column.value(row).length)),
  );
  const pad = (text: string, index: number, align?: "right") => {
    const isLast = index === columns.length - 1;
    if (align === "right") return text.padStart(widths[index] ?? 0);
    return isLast ? text : text.padEnd(widths[index] ?? 0);
  };
  const head = columns.map((column, index) => title(pad(column.title, index, column.align))).join("  ");
  const lines = rows.map((row) =>
    columns
      .map((column, index) => {
        const cell = pad(column.value(row), index, column.align);
        return column.colour === undefined ? cell : column.colour(cell, row);
      })
      .join("  "),
  );
  return `${[head, ...lines].map((line) => line.trimEnd()).join("\n")}\n`;
}

import { spinner as createSpinner } from "@clack/prompts";
import { createColors } from "picocolors";

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

/** Where a command writes: results to standard output, everything else to standard error. The only place of the project that does. */
export interface Output {
  readonly isJson: boolean;
  readonly colours: ReturnType<typeof createColors>;
  line(text?: string): void;
  /** Bytes as they are: the body of a response. */
  bytes(data: Uint8Array): void;
  json(value: unknown): void;
  table<T>(columns: Column<T>[], rows: readonly T[]): void;
  /** A remark for people, not part of the result; silent with --quiet and --json. */
  note(text: string): void;
  error(text: string): void;
  /** Shows that something takes its time: a spinner on a terminal, a line elsewhere. */
  progress(text: string): Progress;
}

export interface Progress {
  update(text: string): void;
  done(text?: string): void;
  fail(): void;
}

/** What takes less is not worth a spinner. */
const SPINNER_DELAY_MS = 300;

export function createOutput({ json = false, quiet = false }: OutputOptions = {}): Output {
  const isTerminal = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
  const colours = createColors(isTerminal);
  const out = (text: string) => process.stdout.write(text);
  const isSilent = json || quiet;
  return {
    isJson: json,
    colours,
    line: (text = "") => void out(`${text}\n`),
    bytes: (data) => void process.stdout.write(data),
    json: (value) => void out(`${JSON.stringify(value)}\n`),
    table: (columns, rows) => void out(formatTable(columns, rows, colours.dim)),
    note: (text) => {
      if (!isSilent) process.stderr.write(`${text}\n`);
    },
    error: (text) => void process.stderr.write(`${text}\n`),
    progress: (text) => (isSilent ? silentProgress : startProgress(text)),
  };
}

const silentProgress: Progress = { update: () => undefined, done: () => undefined, fail: () => undefined };

function startProgress(text: string): Progress {
  if (process.stderr.isTTY !== true) return plainProgress(text);
  let spinner: ReturnType<typeof createSpinner> | undefined;
  let latest = text;
  const timer = setTimeout(() => {
    spinner = createSpinner({ output: process.stderr, indicator: "timer" });
    spinner.start(latest);
  }, SPINNER_DELAY_MS);
  return {
    update(next) {
      latest = next;
      spinner?.message(next);
    },
    done(last) {
      clearTimeout(timer);
      if (last === undefined) spinner?.clear();
      else spinner?.stop(last);
    },
    fail() {
      clearTimeout(timer);
      spinner?.clear();
    },
  };
}

/** Without a terminal: one line, and only when it does take long. */
function plainProgress(text: string): Progress {
  const timer = setTimeout(() => process.stderr.write(`${text} …\n`), SPINNER_DELAY_MS);
  const end = () => clearTimeout(timer);
  return { update: () => undefined, done: end, fail: end };
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

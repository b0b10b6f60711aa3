import { createColors } from "picocolors";
import { type Spinner, startSpinner } from "./spinner.ts";
import { type Column, formatTable } from "./table.ts";
import { controlFreeJson, keepColours, withoutColours } from "./terminal-text.ts";

export interface OutputOptions {
  json?: boolean;
  quiet?: boolean;
  /** Whether a terminal gets colours. Default: true. */
  hasColours?: boolean;
}

/**
 * The output of a command: results on standard output, everything else on standard error. No other file of the project
 * writes there. Texts cannot control the terminal, except by colours (terminal-text.ts).
 */
export interface Output {
  readonly isJson: boolean;
  readonly colours: ReturnType<typeof createColors>;
  line(text?: string): void;
  /** Unchanged bytes: the body of a response. */
  bytes(data: Uint8Array): void;
  /** A piece of a body. Resolves when the reader has taken it. */
  piece(data: Uint8Array): Promise<void>;
  json(value: unknown): void;
  table<T>(columns: Column<T>[], rows: readonly T[]): void;
  /** A remark that is no part of the result. Silent with --quiet and --json. */
  note(text: string): void;
  error(text: string): void;
  /** Shows a wait: a spinner on a terminal, nothing elsewhere. A wait within a wait that is shown is not. */
  progress(text: string): Progress;
}

export interface Progress {
  update(text: string): void;
  /** Erases the spinner. Call it before other output. */
  end(): void;
}

/** How long a wait lasts before it shows a spinner. */
const SPINNER_DELAY_MS = 300;

export function createOutput({ json = false, quiet = false, hasColours = true }: OutputOptions = {}): Output {
  const { isTTY } = process.stdout;
  const colours = createColors(isTTY === true && hasColours);
  const harmless = colours.isColorSupported ? keepColours : withoutColours;
  const out = (text: string) => process.stdout.write(harmless(text));
  // Standard error may be a file while standard output is a terminal.
  const isErrorTTY = process.stderr.isTTY;
  const harmlessError = isErrorTTY && hasColours ? keepColours : withoutColours;
  const err = (text: string) => void process.stderr.write(`${harmlessError(text)}\n`);
  const isSilent = json || quiet;
  let shown: Progress | undefined;
  const show = (text: string): Progress => {
    const progress = startProgress(text, colours.cyan, () => {
      if (shown === progress) shown = undefined;
    });
    shown = progress;
    return progress;
  };
  return {
    isJson: json,
    colours,
    line: (text = "") => void out(`${text}\n`),
    bytes: (data) => {
      process.stdout.write(data);
      // The shell's prompt needs a line of its own.
      if (isTTY && data.length > 0 && data.at(-1) !== NEWLINE) out("\n");
    },
    piece: (data) => new Promise((resolve) => process.stdout.write(data, () => resolve())),
    json: (value) => void out(`${controlFreeJson(JSON.stringify(value))}\n`),
    table: (columns, rows) =>
      void out(
        formatTable(columns, rows, {
          title: colours.dim,
          hasHead: !quiet,
          ...(isTTY ? { width: process.stdout.columns } : {}),
        }),
      ),
    note: (text) => {
      if (!isSilent) err(text);
    },
    error: err,
    progress: (text) => (isSilent || !isErrorTTY || shown !== undefined ? silentProgress : show(text)),
  };
}

const NEWLINE = 10;

const silentProgress: Progress = { update: () => undefined, end: () => undefined };

function startProgress(text: string, colour: (text: string) => string, onEnd: () => void): Progress {
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
      onEnd();
    },
  };
}

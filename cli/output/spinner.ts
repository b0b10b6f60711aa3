/** An animated line on a terminal during a wait. It does not touch the terminal's input, so Ctrl-C stays a signal. */
export interface Spinner {
  update(text: string): void;
  /** Erases the line. */
  clear(): void;
}

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 80;
const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const CLEAR_LINE = "\r\x1b[2K";

/** `colour` paints the moving sign. */
export function startSpinner(
  terminal: NodeJS.WriteStream,
  text: string,
  colour: (text: string) => string,
): Spinner {
  const startedAt = performance.now();
  let latest = text;
  let frame = 0;
  const draw = () => {
    const seconds = Math.floor((performance.now() - startedAt) / 1_000);
    const line = seconds < 1 ? latest : `${latest} (${seconds} s)`;
    // A wrapped line could not be erased. A terminal that does not know its width says 0.
    const shown = [...line].slice(0, Math.max(1, (terminal.columns || 80) - 3)).join("");
    terminal.write(`${HIDE_CURSOR}${CLEAR_LINE}${colour(FRAMES[frame++ % FRAMES.length] ?? "")} ${shown}`);
  };
  const clear = () => {
    clearInterval(timer);
    process.off("exit", clear);
    terminal.write(CLEAR_LINE + SHOW_CURSOR);
  };
  const timer = setInterval(draw, FRAME_MS);
  // The timer does not keep the process alive, and an exit shows the cursor again.
  timer.unref();
  process.on("exit", clear);
  draw();
  return {
    update(next) {
      latest = next;
      draw();
    },
    clear,
  };
}

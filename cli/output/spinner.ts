/** One line of a terminal that moves while something is under way. It leaves the terminal's input alone: Ctrl-C stays a signal. */
export interface Spinner {
  update(text: string): void;
  /** Takes the line away. */
  clear(): void;
}

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 80;
const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const CLEAR_LINE = "\r\x1b[2K";

/** `colour` is what the moving sign is given in. */
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
    // A line that wraps could not be taken away again.
    const shown = [...line].slice(0, Math.max(1, (terminal.columns ?? 80) - 3)).join("");
    terminal.write(`${HIDE_CURSOR}${CLEAR_LINE}${colour(FRAMES[frame++ % FRAMES.length] ?? "")} ${shown}`);
  };
  const clear = () => {
    clearInterval(timer);
    process.off("exit", clear);
    terminal.write(CLEAR_LINE + SHOW_CURSOR);
  };
  const timer = setInterval(draw, FRAME_MS);
  // A spinner keeps no process alive, and none leaves a terminal without its cursor.
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

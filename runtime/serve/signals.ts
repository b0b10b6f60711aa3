import process from "node:process";

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/**
 * Closes at a signal, and ends the process by the same signal then. Where the program listens for the signal itself, it decides
 * about its end. A second signal ends the process at once. Returns the function that undoes it.
 */
export function endBySignals(close: () => Promise<void>): () => void {
  let first: NodeJS.Signals | undefined;
  const end = (signal: NodeJS.Signals) => {
    stop();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  const onSignal = (signal: NodeJS.Signals) => {
    if (first !== undefined) return end(signal);
    first = signal;
    void close().finally(() => end(signal));
  };
  const stop = () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return () => {
    // While it closes for a signal, a second one still has to end the process.
    if (first === undefined) stop();
  };
}

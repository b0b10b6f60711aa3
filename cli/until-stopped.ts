/** How long a second signal counts as the first. The terminal signals the whole group, and npm passes the signal on. */
const SAME_SIGNAL_MS = 500;

/** Resolves and aborts at the first SIGINT, SIGTERM or SIGHUP. A later second signal ends the process at once. */
export function untilStopped(): { signal: AbortSignal; stopped: Promise<void> } {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const stopped = new Promise<void>((resolve) => {
    const stop = () => {
      if (firstAt !== undefined && performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(1);
      firstAt ??= performance.now();
      controller.abort();
      resolve();
    };
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
    process.on("SIGHUP", stop);
  });
  return { signal: controller.signal, stopped };
}

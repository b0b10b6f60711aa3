/**
 * The channel of a host process to its runner, and the end of the process.
 *
 * I1  A runner that died ends no host: a message that cannot be sent is dropped. Node reports the closed channel later, and
 *     may report the failed write first.
 * I2  A host ends by SIGKILL only. `process.exit` takes V8 apart while threads of disposed isolates still run, and crashes;
 *     and it waits for ever for an isolate's thread that sleeps, has a debugger attached, or waits for the main thread.
 * I3  A host whose runner died drains, and is gone before gateways count its instances as lost: another node takes their work
 *     over then. A drain that waits for NATS, or for a start, does not delay that.
 */
import { orphans } from "../../../contracts/index.ts";
import type { FromHost } from "../ipc.ts";

/** Sends a message to the runner. Resolves when the message has left the process, or cannot be sent. Never rejects. */
export function send(message: FromHost): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || process.send === undefined) resolve();
    // Without a callback Node raises a failed write as an error of the process.
    else process.send(message, () => resolve());
  });
}

/** Ends this process before the next turn of its event loop. */
export function endAtOnce(): void {
  process.kill(process.pid, "SIGKILL");
}

/** An error that nothing catches is written to the standard error, for the runner's log, and ends the process. */
export function endAtOnceOnFault(): void {
  process.on("uncaughtException", (error: unknown) => {
    const text = error instanceof Error ? error.stack : undefined;
    process.stderr.write(`${text ?? String(error)}\n`, endAtOnce);
  });
}

/** Ends this process after its runner (I3). `stop` drains it, and ends it. */
export function endAfterRunner(
  stop: (graceMs: number) => Promise<void>,
  { graceMs, lostAfterMs }: { graceMs: number; lostAfterMs: number } = orphans,
): void {
  process.on("disconnect", () => {
    setTimeout(endAtOnce, lostAfterMs);
    void stop(graceMs);
  });
}

/**
 * Keeps one nats-server running.
 *
 * I1  There is at most one process at a time: the next is started after the last was seen to end.
 * I2  The first restart after a quiet time comes at once; the pauses between further failures grow.
 * I3  After close() nothing is started any more, and close() resolves when the process is gone.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { messageOf } from "../contracts/index.ts";
import type { ServerProcess } from "./server-process.ts";

export interface SuperviseOptions {
  /** A server that is ready. */
  first: ServerProcess;
  /** Starts the next one; rejects where it does not become ready. */
  restart(): Promise<ServerProcess>;
  /** Aborted by close(): ends a restart that is under way. */
  closing: AbortController;
  log: Pick<Logger, "info" | "warn">;
}

export interface Supervisor {
  readonly pid: number | undefined;
  /** Ends the process that runs, if one does; resolves when it is gone. The next one is started as after a death. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** How long a server may take to end by itself: it writes its state down first. */
const STOP_GRACE_MS = 5_000;
/** How long a server has to run before it is sound, and the next failure counts as the first again. */
const SOUND_AFTER_MS = 10_000;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;

export function superviseServer({ first, restart, closing, log }: SuperviseOptions): Supervisor {
  let current: ServerProcess | undefined = first;
  let failures = 0;

  const startAgain = async (): Promise<ServerProcess | undefined> => {
    while (!closing.signal.aborted) {
      const delayMs = decideRestartDelayMs(failures);
      failures += 1;
      try {
        await sleep(delayMs, undefined, { signal: closing.signal });
        return await restart();
      } catch (error) {
        if (!closing.signal.aborted) log.warn({ error: messageOf(error) }, "nats-server was not restarted");
      }
    }
    return undefined;
  };

  const running = (async () => {
    while (current !== undefined) {
      const startedAt = performance.now();
      const how = await current.ended;
      if (closing.signal.aborted) return;
      log.warn({ pid: current.pid, how }, "nats-server died; it is restarted");
      current = undefined;
      if (performance.now() - startedAt >= SOUND_AFTER_MS) failures = 0;
      current = await startAgain();
      // close() came at the moment when the new server became ready.
      if (closing.signal.aborted) await current?.stop(STOP_GRACE_MS);
      else if (current !== undefined) log.info({ pid: current.pid }, "nats-server runs again");
    }
  })();

  return {
    get pid() {
      return current?.pid;
    },
    restart: async () => current?.stop(STOP_GRACE_MS),
    async close() {
      closing.abort();
      await current?.stop(STOP_GRACE_MS);
      await running;
    },
  };
}

/** How long to wait before a restart, after so many failures in a row. */
export function decideRestartDelayMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
}

/**
 * Watches the thread of a function: a loop that does not end, and memory that V8 does not count.
 *
 * I1  A thread that does not answer a ping for `cpuMs` of CPU time of the process is in a loop. It is ended; its process follows.
 * I2  Waiting is no loop: a thread that waits without CPU time (`Atomics.wait`) is ended after `timeoutMs`.
 * I3  Nothing is watched while no request is open, but the memory.
 */
import { MIB } from "../../../../contracts/index.ts";

export interface ThreadWatchOptions {
  cpuMs: number;
  timeoutMs: number;
  memoryMb: number;
  isBusy(): boolean;
  ping(number: number): void;
  /** `why`: for the log. */
  onStuck(why: string): void;
  onMemory(why: string): void;
}

export interface ThreadWatch {
  pong(number: number): void;
  close(): void;
}

const INTERVAL_MS = 100;
/** Memory of the process beside the code's: buffers of the instance's thread, and free memory of V8. */
const MARGIN_MB = 128;

export function watchThread(options: ThreadWatchOptions): ThreadWatch {
  const { cpuMs, timeoutMs, memoryMb, isBusy, ping, onStuck, onMemory } = options;
  const boundBytes = process.memoryUsage.rss() + (memoryMb + MARGIN_MB) * MIB;
  let asked: { number: number; atMs: number; cpu: NodeJS.CpuUsage } | undefined;
  let last = 0;
  const look = () => {
    const rssBytes = process.memoryUsage.rss();
    if (rssBytes > boundBytes) {
      const [used, bound] = [rssBytes, boundBytes].map((bytes) => Math.round(bytes / MIB));
      return onMemory(
        `the process has ${used} MB; limits.memoryMb is ${memoryMb} MB, which makes ${bound} MB`,
      );
    }
    if (asked === undefined) {
      if (!isBusy()) return;
      asked = { number: ++last, atMs: performance.now(), cpu: process.cpuUsage() };
      return ping(last);
    }
    const waitedMs = Math.round(performance.now() - asked.atMs);
    const { user, system } = process.cpuUsage(asked.cpu);
    const usedMs = Math.round((user + system) / 1_000);
    if (waitedMs >= cpuMs && usedMs >= cpuMs)
      onStuck(
        `its thread did nothing else for ${waitedMs} ms (${usedMs} ms of CPU time); limits.cpuMs is ${cpuMs} ms`,
      );
    else if (waitedMs >= Math.max(timeoutMs, cpuMs))
      onStuck(`its thread has stood still for ${waitedMs} ms; limits.timeoutMs is ${timeoutMs} ms`);
  };
  const timer = setInterval(look, INTERVAL_MS);
  return {
    pong(number) {
      if (asked?.number === number) asked = undefined;
    },
    close: () => clearInterval(timer),
  };
}

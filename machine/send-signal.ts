import { errnoOf } from "./errno.ts";

/** Sends a signal to a process, or with a negative pid to a group. A process that is gone is no error. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error;
  }
}

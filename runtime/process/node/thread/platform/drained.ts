/** The moment at which code waits, in place of web/start/drained.ts. Other requests of the thread may run before it. */
export function drained(callback: () => void): void {
  setImmediate(callback);
}

export const isAlone = false;

/** The owner of the running code, in place of web/start/owner.ts: Node's async context follows each request by itself. */
import { AsyncLocalStorage } from "node:async_hooks";

const requests = new AsyncLocalStorage<number>();

export const currentOwner = (): number => requests.getStore() ?? 0;

/** Nothing: the code that waits for a message continues in its own context. */
export function setOwner(_id: number): void {
  // The context of a promise is that of the code that awaits it.
}

/** Runs work for a request. */
export function runFor<T>(id: number, work: () => T): T {
  return requests.run(id, work);
}

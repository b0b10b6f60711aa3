import { eventually } from "./eventually.ts";

/** Clients that send one request after the other until they are stopped. */
export interface Traffic<T> {
  /** The answers in the order of their arrival. */
  readonly answers: readonly T[];
  /** Resolves when `count` more requests were answered. */
  more(count: number): Promise<void>;
  /** Resolves with all answers when the last request was answered; rejects where one could not be sent. */
  stop(): Promise<readonly T[]>;
}

/** Upper bound of the time of an answer, on however slow a machine. Traffic beyond it has stalled. */
const STALLED_MS = 60_000;

export function startTraffic<T>(send: () => Promise<T>, { clients = 8 } = {}): Traffic<T> {
  const answers: T[] = [];
  let isStopped = false;
  const running = Array.from({ length: clients }, async () => {
    while (!isStopped) answers.push(await send());
  });
  const all = Promise.all(running);
  // `stop` rejects with the failure.
  all.catch(() => undefined);
  return {
    answers,
    more(count) {
      const wanted = answers.length + count;
      return eventually(
        () => {
          if (answers.length < wanted)
            throw new Error(`${answers.length} of ${wanted} requests were answered`);
        },
        { timeoutMs: STALLED_MS },
      );
    },
    async stop() {
      isStopped = true;
      await all;
      return answers;
    },
  };
}

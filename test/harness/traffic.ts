import { eventually } from "./eventually.ts";

/** Clients that send one request after the other until they are stopped. */
export interface Traffic<T> {
  /** The answers in the order of their arrival. */
  readonly answers: readonly T[];
  /** Resolves when `count` more requests were answered. */
  more(count: number): Promise<void>;
  /** Resolves with all answers after the last one. Rejects if a request could not be sent. */
  stop(): Promise<readonly T[]>;
}

/** How long the traffic may stand still before it counts as stopped, on any slow machine. */
const STALLED_MS = 60_000;

export function startTraffic<T>(send: () => Promise<T>, { clients = 8 } = {}): Traffic<T> {
  const answers: T[] = [];
  let isStopped = false;
  const running = Array.from({ length: clients }, async () => {
    while (!isStopped) answers.push(await send());
  });
  const all = Promise.all(running);
  // A failure is reported by `stop`.
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

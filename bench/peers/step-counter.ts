/** Counts the steps of workflows from outside: each step asks this server, which answers after a while. */
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";

export interface StepCounter extends AsyncDisposable {
  /** A step asks `<url><workflow>/<step>`. */
  readonly url: string;
  /** `HOST:PORT`, for `egress`. */
  readonly address: string;
  /** How often each path was asked for. */
  readonly asked: Map<string, number>;
  /** When a path was asked for at first, as `performance.now()`; as soon as it is. */
  firstAskOf(path: string): Promise<number>;
}

export async function startStepCounter(answerMs = 0): Promise<StepCounter> {
  const asked = new Map<string, number>();
  const first = new Map<string, PromiseWithResolvers<number>>();
  const firstOf = (path: string) => {
    const known = first.get(path) ?? Promise.withResolvers<number>();
    first.set(path, known);
    return known;
  };
  const server = createServer(async ({ url = "/" }, response) => {
    const path = url.slice(1);
    asked.set(path, (asked.get(path) ?? 0) + 1);
    firstOf(path).resolve(performance.now());
    if (answerMs > 0) await pause(answerMs);
    response.end("1");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a server has a port");
  return {
    url: `http://127.0.0.1:${address.port}/`,
    address: `127.0.0.1:${address.port}`,
    asked,
    firstAskOf: (path) => firstOf(path).promise,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

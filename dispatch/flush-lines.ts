import { setImmediate as turn } from "node:timers/promises";
import type { Nats } from "../nats/index.ts";
import type { Flight } from "./job.ts";

/** Resolves when all answers of now to some requests have come, on whichever connections. */
export async function flushLines(nats: Nats, flights: readonly Flight[]): Promise<void> {
  const lines = new Set(flights.map(({ sending }) => sending.line));
  // The other side has nothing further to say where a connection breaks meanwhile. Its replies may come over NATS then.
  await Promise.allSettled([...lines].map((line) => line.flush()));
  await nats.flush().catch(() => undefined);
  // The sockets of its time are read by then.
  await turn();
  await turn();
}

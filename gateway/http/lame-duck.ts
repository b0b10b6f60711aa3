import type { Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** How often connections are counted. */
const LOOK_MS = 50;
/**
 * How long no connection may be open before the wait ends. A proxy opens its next connection a moment after a `Connection:
 * close`.
 */
const QUIET_MS = 1_000;

/** Resolves after `forMs`, or earlier: when no connection has been open for a while, or none is open at the start. */
export async function untilLeft(server: Server, forMs: number): Promise<void> {
  const startedMs = performance.now();
  let lastSeenMs = Number.NEGATIVE_INFINITY;
  while (performance.now() - startedMs < forMs) {
    const nowMs = performance.now();
    if ((await countConnections(server)) > 0) lastSeenMs = nowMs;
    else if (nowMs - lastSeenMs >= QUIET_MS) return;
    await sleep(LOOK_MS);
  }
}

function countConnections(server: Server): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
  );
}

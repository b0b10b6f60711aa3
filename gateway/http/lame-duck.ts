import type { Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** How often connections are counted. */
const LOOK_MS = 50;
/** A proxy that hears `Connection: close` opens its next connection a moment later. */
const QUIET_MS = 1_000;

/** Resolves after `forMs`; at once where no connection is open, or when none has been for a while. */
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

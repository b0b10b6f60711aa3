import { messageOf } from "../contracts/index.ts";
import { findStuckStreams, type Nats } from "../nats/index.ts";

/** How long an answer is kept: callers come often, and each check asks the server several times. */
const KEPT_MS = 5_000;

/**
 * Finds the problem that keeps narun from being ready; undefined where there is none. A gateway that is not ready for this
 * reason still answers requests. Pushes, logs and functions' writes to stores fail.
 */
export function createReadiness(nats: Nats): () => Promise<string | undefined> {
  let kept: { problem: Promise<string | undefined>; atMs: number } | undefined;
  const look = async () => {
    try {
      const stuck = await findStuckStreams(nats);
      if (stuck.length === 0) return undefined;
      return `storage: ${stuck.map(({ stream, reason }) => `${stream} refuses writes (${reason})`).join("; ")}`;
    } catch (error) {
      return `storage does not answer: ${messageOf(error)}`;
    }
  };
  return () => {
    if (kept === undefined || performance.now() - kept.atMs >= KEPT_MS)
      kept = { problem: look(), atMs: performance.now() };
    return kept.problem;
  };
}

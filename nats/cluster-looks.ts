/** Looks at stored work after a change of the cluster, when a consumer may have lost a message. */
import type { ClusterView } from "./cluster-view.ts";

/** When the work is looked at after a server came or went: soon, and once more when all is quiet. */
const LOOKS_MS = [15_000, 60_000] as const;

/** Looks after each change of the cluster. Returns the function that ends it. */
export function lookAfterChanges(cluster: Pick<ClusterView, "listen">, look: () => void): () => void {
  const timers = new Set<NodeJS.Timeout>();
  const forget = cluster.listen(() => {
    for (const timer of timers) clearTimeout(timer);
    timers.clear();
    // Runners do not look at one instant: a later look finds the messages of the first.
    for (const ms of LOOKS_MS) timers.add(setTimeout(look, ms * (1 + Math.random())).unref());
  });
  return () => {
    forget();
    for (const timer of timers) clearTimeout(timer);
  };
}

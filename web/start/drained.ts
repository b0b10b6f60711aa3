/** The moment at which code waits. A thread of Node has a stand-in (runtime/process/node/thread/platform/drained.ts). */
import { onDrained } from "./entries.ts";

/** Calls back when all microtasks of the entry have run. */
export const drained = onDrained;

/** Nothing else runs within an entry. */
export const isAlone = true;

import { PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

/** Size of the young generation at which its growth stops. V8 doubles it, once or twice more before the observer runs. */
const STOP_AT_BYTES = 16 * 1024 * 1024;

/** Keeps V8's young generation at its first size, 1 MB. A start makes much garbage, but only once. */
export function holdYoungGeneration(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/** Lets V8's young generation grow to its upper bound at once, for a process that ends soon: it is hardly collected then. */
export function growYoungGeneration(): void {
  setFlagsFromString("--semi-space-growth-factor=16");
}

/**
 * Lets V8's young generation grow to about half of its usual size (three times 16 MB). Nearly all young objects are garbage
 * here, so the full size would only cost memory: 30 MB while a body streams. With a smaller size collections are so frequent
 * that small requests take a tenth longer.
 */
export function boundYoungGeneration(): void {
  setFlagsFromString("--semi-space-growth-factor=2");
  const observer = new PerformanceObserver(() => {
    const size =
      getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.space_size ?? 0;
    if (size < STOP_AT_BYTES) return;
    holdYoungGeneration();
    observer.disconnect();
  });
  observer.observe({ entryTypes: ["gc"] });
}

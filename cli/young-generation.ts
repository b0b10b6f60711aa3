import { PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

/** V8 grows the young generation by doubling it, and has done so once or twice more when this is heard of. */
const STOP_AT_BYTES = 4 * 1024 * 1024;

/** Keeps V8's young generation at its first size, 1 MB: a start makes much garbage, once. */
export function holdYoungGeneration(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * Lets V8's young generation grow, to about half of what it would be (16 MB, times three). What is young is nearly all dead
 * here: more room for it is more memory, 30 MB while a body streams. Less, and it is collected so often that small requests
 * take a tenth longer.
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

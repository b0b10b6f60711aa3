import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** V8's default: after how many collections code without a call is dropped. */
const OLD_AGE = 6;

/**
 * Gives the memory back that a burst of work has left behind: a collection that compacts, once, for some 50 ms. `keepsCode`: whether
 * compiled code stays. Else it is compiled again when it is called again, which a process pays once after its start.
 */
export function releaseMemory({ keepsCode = false }: { keepsCode?: boolean } = {}): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (options: object) => void;
  setFlagsFromString("--no-expose-gc");
  // V8 drops bytecode that is old, but not where it has made baseline code of it.
  setFlagsFromString(keepsCode ? "--no-flush-bytecode" : "--flush-baseline-code");
  setFlagsFromString("--bytecode-old-age=1");
  collect({ type: "major", execution: "sync", flavor: "last-resort" });
  setFlagsFromString("--no-flush-baseline-code");
  setFlagsFromString("--flush-bytecode");
  setFlagsFromString(`--bytecode-old-age=${OLD_AGE}`);
}

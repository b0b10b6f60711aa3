/** How long after the start of a drain streaming answers are told of it. Shorter answers end by themselves. */
const NOTICE_MS = 500;
/** The part of the grace after which all other requests are told of the drain. */
const WARNING_AT = 0.8;

/** Calls `warn` when requests are to be told of a drain. The returned function cancels the calls that are still to come. */
export function warnOfDrain(graceMs: number, warn: (whom: "streaming" | "all") => void): () => void {
  const notice = setTimeout(warn, Math.min(NOTICE_MS, graceMs * WARNING_AT), "streaming");
  const warning = setTimeout(warn, graceMs * WARNING_AT, "all");
  return () => {
    clearTimeout(notice);
    clearTimeout(warning);
  };
}

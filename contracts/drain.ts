/** What streams hears of a drain after so long: the answers that end by themselves are not disturbed. */
const NOTICE_MS = 500;
/** Whatever else is under way hears of it when so much of the grace is over. */
const WARNING_AT = 0.8;

/** Calls `warn` when those who are to hear of a drain should. The function that is returned calls off what is left of it. */
export function warnOfDrain(graceMs: number, warn: (whom: "streaming" | "all") => void): () => void {
  const notice = setTimeout(warn, Math.min(NOTICE_MS, graceMs * WARNING_AT), "streaming");
  const warning = setTimeout(warn, graceMs * WARNING_AT, "all");
  return () => {
    clearTimeout(notice);
    clearTimeout(warning);
  };
}

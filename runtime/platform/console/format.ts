/** Values as text, as Node shows them: authors know how that looks. Depth, lengths and widths are bounded by its defaults. */
import { restoreDescriptors } from "./large-arrays.ts";
// Alone in its line so that it stays before the library that it prepares for.
import "./large-arrays.ts";
import { format, inspect } from "node-inspect-extracted";

restoreDescriptors();

export { inspect };

/** `%` formats, then everything else inspected. What cannot be shown costs the text, never the caller. */
export function formatValues(values: readonly unknown[]): string {
  return orReason(() => format(...values));
}

/** Runs what may run user code (`toString`, a proxy's traps), which may fail. */
export function orReason(show: () => string): string {
  try {
    return show();
  } catch (error) {
    try {
      return `(cannot be shown: ${error instanceof Error ? error.message : String(error)})`;
    } catch {
      return "(cannot be shown)";
    }
  }
}

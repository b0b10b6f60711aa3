/** Values as text, as Node shows them: authors know how that looks. Depth, lengths and widths are bounded by its defaults. */
import type * as Library from "node-inspect-extracted";
import { AskFor, PLATFORM_FILE } from "../boundary.ts";
import { askHost } from "../host-link.ts";
import { withoutLargeLists } from "./large-arrays.ts";

type CommonJs = (module: { exports: unknown }, exports: unknown) => void;

// biome-ignore lint/security/noGlobalEval: what it evaluates is the host's.
const evaluate = globalThis.eval;

let loaded: typeof Library | undefined;

/**
 * The library comes from the host when something is printed that is no string: it is a sixth of what the rest of the
 * platform weighs, each isolate would have its objects twice (isolated-vm makes a second context), and few functions need it.
 */
function library(): typeof Library {
  loaded ??= withoutLargeLists(() => {
    const source = askHost(AskFor.inspectLibrary, undefined) as string;
    const define = evaluate(
      `(function (module, exports) {${source}\n})\n//# sourceURL=${PLATFORM_FILE}`,
    ) as CommonJs;
    const module = { exports: {} };
    define(module, module.exports);
    return module.exports as typeof Library;
  });
  return loaded;
}

export const inspect: typeof Library.inspect = ((value: unknown, options?: Library.InspectOptions) =>
  library().inspect(value, options)) as typeof Library.inspect;

/** `%` formats, then everything else inspected. What cannot be shown costs the text, never the caller. */
export function formatValues(values: readonly unknown[]): string {
  return isPlainText(values) ? values.join(" ") : orReason(() => library().format(...values));
}

/** Most lines are: they need no library. */
function isPlainText(values: readonly unknown[]): values is readonly string[] {
  const [first] = values;
  const isFormat = values.length > 1 && typeof first === "string" && first.includes("%");
  return !isFormat && values.every((value) => typeof value === "string");
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

/** Values as text, in the form of Node, which authors know. Depth, lengths and widths have Node's default bounds. */
import type * as Library from "node-inspect-extracted";
import { AskFor, PLATFORM_FILE } from "../host/boundary.ts";
import { askHost } from "../host/host-link.ts";
import { withoutLargeLists } from "./large-arrays.ts";
import { libraryHooks, textOrReason, withoutProxies } from "./library-hooks.ts";
import { proxyTargetOf } from "./proxies.ts";

type CommonJs = (module: { exports: unknown }, exports: unknown, hooks: unknown) => void;

// biome-ignore lint/security/noGlobalEval: the host provides the source that is evaluated.
const evaluate = globalThis.eval;

let loaded: typeof Library | undefined;

/**
 * The library is fetched from the host when the first value that is not a string is printed. It is a sixth of the size of
 * the rest of the platform, each isolate would have its objects twice (isolated-vm makes a second context), and few
 * functions need it.
 */
function library(): typeof Library {
  loaded ??= withoutLargeLists(() => {
    const source = askHost(AskFor.inspectLibrary, undefined) as string;
    const define = evaluate(
      `(function (module, exports, hooks) {${source}\n})\n//# sourceURL=${PLATFORM_FILE}`,
    ) as CommonJs;
    const module = { exports: {} };
    define(module, module.exports, libraryHooks);
    return module.exports as typeof Library;
  });
  return loaded;
}

export const inspect: typeof Library.inspect = ((value: unknown, options?: Library.InspectOptions) =>
  library().inspect(value, options)) as typeof Library.inspect;

/** Formats with `%` first, then inspects the remaining values. A value that cannot be shown is replaced alone. */
export function formatValues(values: readonly unknown[]): string {
  if (isPlainText(values)) return values.join(" ");
  try {
    return library().format(...forFormat(values));
  } catch {
    // A format (`%s`, `%d`, `%j`) ran code of a value, which failed.
    return values
      .map((value) => (typeof value === "string" ? value : textOrReason(() => inspect(value))))
      .join(" ");
  }
}

/** A value whose conversion to text or number would run traps is replaced by the target of its proxy. */
function forFormat(values: readonly unknown[]): readonly unknown[] {
  const [first] = values;
  if (typeof first !== "string" || values.length === 1) return values;
  const conversions = [...first.matchAll(/%[sdifjoOc%]/g)].map(String).filter((found) => found !== "%%");
  return values.map((value, at) => {
    const conversion = conversions[at - 1];
    if (conversion === "%j") return asJson(value);
    const isShown = conversion === undefined || conversion === "%o" || conversion === "%O";
    return isShown ? value : proxyTargetOf(value);
  });
}

/** A value with the same JSON, without any proxy inside. */
function asJson(given: unknown): unknown {
  const value = withoutProxies(given);
  if (typeof value !== "object" || value === null) return value;
  // Each object has one copy: JSON finds circles by identity.
  const copies = new Map<object, object>();
  const copied = (_key: string, whole: unknown) => {
    if (typeof whole !== "object" || whole === null) return whole;
    const copy = copies.get(whole) ?? withTrapFreeParts(whole);
    copies.set(whole, copy);
    return copy;
  };
  return { toJSON: () => JSON.parse(JSON.stringify(value, copied) ?? "null") };
}

/** Replaces parts in their parent: JSON reads the `toJSON` of a part before it asks for anything else. */
function withTrapFreeParts(whole: object): object {
  const parts = Object.entries(whole).map(([name, part]) => [name, part, withoutProxies(part)] as const);
  if (parts.every(([, part, free]) => part === free)) return whole;
  if (Array.isArray(whole)) return Array.from(whole, withoutProxies);
  return Object.fromEntries(parts.map(([name, , free]) => [name, free]));
}

/** Most lines are plain text and need no library. */
function isPlainText(values: readonly unknown[]): values is readonly string[] {
  const [first] = values;
  const isFormat = values.length > 1 && typeof first === "string" && first.includes("%");
  return !isFormat && values.every((value) => typeof value === "string");
}

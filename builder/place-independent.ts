/**
 * Makes a bundle independent of the place of its packages. The distance between node_modules and the function's folder
 * differs by machine and must not change the digest. esbuild writes these paths into the source map, and into the code
 * for CommonJS modules.
 */

import type { Edit } from "./bundle-edits.ts";

/** `__commonJS({"../../node_modules/…"(`, `__esm({async"../…"(`: the path to the packages is removed. */
const WAY_IN_CODE =
  /(?<=\(\{\s*(?:async\s*)?"(?:\(disabled\):)?)(?:\.\.\/)+(?:[^"\n]*?\/)?(?=node_modules\/[^"\n]*"\()/g;
const WAY_IN_MAP = /^(?:\.\.\/)+(?:.*?\/)?(?=node_modules\/)/;

/** The edits of the code. `sdk`: the way from the function's folder to narun's own library for authors. */
export function findWays(code: string, sdk: string): Edit[] {
  const ownWay = new RegExp(`(?<=\\(\\{\\s*(?:async\\s*)?")${RegExp.escape(sdk)}(?=/[^"\\n]*"\\()`, "g");
  const editOf = (inserted: string) => (match: RegExpExecArray) => ({
    at: match.index,
    removed: match[0].length,
    inserted,
  });
  return [
    ...[...code.matchAll(WAY_IN_CODE)].map(editOf("")),
    ...[...code.matchAll(ownWay)].map(editOf("narun")),
  ];
}

/** The name of a source in the map. `sdk`: the way from the function's folder to narun's own library for authors. */
export function placeIndependentSource(source: string, sdk: string): string {
  if (source.startsWith(`${sdk}/`)) return `narun${source.slice(sdk.length)}`;
  return source.replace(WAY_IN_MAP, "");
}

/**
 * Makes a bundle the same wherever its packages are installed: how far above the function's folder they are differs by
 * machine, and must not change the digest. esbuild names such files in the source map, and CommonJS modules in the code.
 */

import type { Edit } from "./bundle-edits.ts";

/** `__commonJS({"../../node_modules/…"(`, `__esm({async"../…"(`: the way to the packages is what goes. */
const WAY_IN_CODE =
  /(?<=\(\{\s*(?:async\s*)?"(?:\(disabled\):)?)(?:\.\.\/)+(?:[^"\n]*?\/)?(?=node_modules\/[^"\n]*"\()/g;
const WAY_IN_MAP = /^(?:\.\.\/)+(?:.*?\/)?(?=node_modules\/)/;

/** What to change in the code. */
export function findWays(code: string): Edit[] {
  return [...code.matchAll(WAY_IN_CODE)].map(({ index, 0: { length } }) => ({
    at: index,
    removed: length,
    inserted: "",
  }));
}

/** The name that a source has in the map. */
export function placeIndependentSource(source: string): string {
  return source.replace(WAY_IN_MAP, "");
}

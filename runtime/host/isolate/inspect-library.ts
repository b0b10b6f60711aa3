import { readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** The library that shows objects as text: a CommonJS module in one file. */
export function inspectLibraryFile(): string {
  return realpathSync(require.resolve("node-inspect-extracted"));
}

/**
 * The library lacks what only V8 can tell, and lets an error of one value end the whole line. These edits have it ask the
 * platform (`hooks`, platform/console/library-hooks.ts); a test finds them all in the version that is installed.
 */
const EDITS: readonly [library: string, ours: string][] = [
  ["getProxyDetails:y.getProxyDetails,", "getProxyDetails:hooks.proxyDetails,"],
  [
    'return t.stylize("null","null");const l=e;let s=0,c=je',
    'return t.stylize("null","null");return hooks.showObject(t,e,e=>showUnguarded(t,e,o,i))}function showUnguarded(t,e,o,i){let l=e,s=0,c=je',
  ],
  // A proxy's own way of being shown is called on what stands behind it: on the proxy it would run traps.
  ["c=je(e=c,!1),s+=1}while(void 0!==c)}if", "c=je(e=c,!1),s+=1}while(void 0!==c);l=e}if"],
];

/** Its source. Read each time: an isolate asks once, if ever, and the file is in the system's cache. */
export function readInspectLibrary(): string {
  return editLibrary(readFileSync(inspectLibraryFile(), "utf8"), () => undefined);
}

/** `onMissing` hears of what is not in the source: printing goes on without it. */
export function editLibrary(source: string, onMissing: (library: string) => void): string {
  return EDITS.reduce((text, [library, ours]) => {
    if (!text.includes(library)) onMissing(library);
    return text.replace(library, () => ours);
  }, source);
}

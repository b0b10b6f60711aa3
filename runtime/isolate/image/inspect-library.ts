import { readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** The library that shows objects as text: a CommonJS module in one file. */
export function inspectLibraryFile(): string {
  return realpathSync(require.resolve("node-inspect-extracted"));
}

/**
 * The library lacks what only V8 can tell, and lets an error of one value end the whole line. These edits have it ask the
 * platform (`hooks`, web/console/library-hooks.ts); a test finds them all in the version that is installed.
 */
// biome-ignore-start lint/suspicious/noTemplateCurlyInString: it is the library's text.
const EDITS: readonly [library: string, ours: string][] = [
  ["getProxyDetails:y.getProxyDetails,", "getProxyDetails:hooks.proxyDetails,"],
  [
    'return t.stylize("null","null");const l=e;let s=0,c=je',
    'return t.stylize("null","null");return hooks.showObject(t,e,e=>showUnguarded(t,e,o,i))}function showUnguarded(t,e,o,i){let l=e,s=0,c=je',
  ],
  ["isSymbolObject:R}},302", "isSymbolObject:R,...hooks.types}},302"],
  // It shows every promise as one that is pending.
  ['t.stylize("<pending>","special")', 't.stylize("<state unknown>","special")'],
  // The name of a class in a namespace, as the version of Node that narun runs with shows it.
  [
    'let o=`${t}${r} `;if(""!==e){',
    'let o=`${t}${r} `;if(""!==e&&t===e.slice(e.lastIndexOf(".")+1))return`${e}${r} `;if(""!==e){',
  ],
  // A proxy's own way of being shown is called on what stands behind it: on the proxy it would run traps.
  ["c=je(e=c,!1),s+=1}while(void 0!==c)}if", "c=je(e=c,!1),s+=1}while(void 0!==c);l=e}if"],
];
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: it is the library's text.

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

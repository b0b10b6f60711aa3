import { readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** The library that shows objects as text: a CommonJS module in one file. */
export function inspectLibraryFile(): string {
  return realpathSync(require.resolve("node-inspect-extracted"));
}

/**
 * The library cannot look into V8, and the error of one value ends its whole line. These edits make it ask the platform
 * (`hooks`, web/console/library-hooks.ts). A test finds the place of each edit in the installed version.
 */
// biome-ignore-start lint/suspicious/noTemplateCurlyInString: it is the library's text.
const EDITS: readonly [library: string, ours: string][] = [
  ["getProxyDetails:y.getProxyDetails,", "getProxyDetails:hooks.proxyDetails,"],
  [
    'return t.stylize("null","null");const l=e;let s=0,c=je',
    'return t.stylize("null","null");return hooks.showObject(t,e,e=>showUnguarded(t,e,o,i))}function showUnguarded(t,e,o,i){let l=e,s=0,c=je',
  ],
  ["isSymbolObject:R}},302", "isSymbolObject:R,...hooks.types}},302"],
  // The library shows every promise as pending.
  ['t.stylize("<pending>","special")', 't.stylize("<state unknown>","special")'],
  // The name of a class in a namespace, as narun's version of Node shows it.
  [
    'let o=`${t}${r} `;if(""!==e){',
    'let o=`${t}${r} `;if(""!==e&&t===e.slice(e.lastIndexOf(".")+1))return`${e}${r} `;if(""!==e){',
  ],
  // A proxy's custom inspection is called on its target: on the proxy it would run traps.
  ["c=je(e=c,!1),s+=1}while(void 0!==c)}if", "c=je(e=c,!1),s+=1}while(void 0!==c);l=e}if"],
];
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: it is the library's text.

/** The library's source. It is read each time: an isolate asks once at most, and the file is in the system's cache. */
export function readInspectLibrary(): string {
  return editLibrary(readFileSync(inspectLibraryFile(), "utf8"), () => undefined);
}

/** `onMissing` is called for an edit whose place is not in the source: printing goes on without that edit. */
export function editLibrary(source: string, onMissing: (library: string) => void): string {
  return EDITS.reduce((text, [library, ours]) => {
    if (!text.includes(library)) onMissing(library);
    return text.replace(library, () => ours);
  }, source);
}

/** Rules by which esbuild leaves out what a bundle of narun's own modules does not use. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Plugin } from "esbuild";

/** The beginning of a bundle's main module. It sets the messages of zod, as its whole package does. */
export const SETS_MESSAGES =
  'import { config as configureZod } from "zod"; import { en } from "zod/locales"; configureZod(en());';

/** CommonJS packages in a bundle of modules require Node's own ones. `place`: an expression, for modules beside it. */
export function requireFrom(place: string): string {
  return `import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(${place});`;
}

/** Imports zod so that esbuild leaves out its unused parts: it does so only where each part is imported itself. */
export function importParts(code: string): string {
  return code.replace(/^import \{ z \} from "zod"/m, 'import * as z from "zod"');
}

/**
 * Nothing happens when an own module is loaded, so that one without a used export is left out, with its packages. `isOwn`: whether that
 * is so for a file.
 */
export function leaveOutUnused(isOwn: (path: string) => boolean): Plugin {
  return {
    name: "leave-out-unused",
    setup({ onResolve }) {
      onResolve({ filter: /^\.\.?\// }, ({ path, importer, kind }) => {
        const target = join(dirname(importer), path);
        return kind === "import-statement" && isOwn(importer) && isOwn(target)
          ? { path: target, sideEffects: false }
          : undefined;
      });
    },
  };
}

/** Has own modules, `main` among them, import only the parts of zod that they use. */
export function importPartsOnly(main: string, isOwn: (path: string) => boolean): Plugin {
  return {
    name: "import-parts-only",
    setup({ onLoad }) {
      onLoad({ filter: /\.[jt]s$/ }, ({ path }) => {
        if (!isOwn(path)) return undefined;
        const code = importParts(readFileSync(path, "utf8"));
        return {
          contents: path === main ? SETS_MESSAGES + code : code,
          loader: path.endsWith(".ts") ? "ts" : "js",
        };
      });
    },
  };
}

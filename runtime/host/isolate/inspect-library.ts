import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/**
 * The library that shows objects as text, as the source of a CommonJS module. Read each time: an isolate asks once, if
 * ever, and the file is in the system's cache.
 */
export function readInspectLibrary(): string {
  return readFileSync(require.resolve("node-inspect-extracted"), "utf8");
}

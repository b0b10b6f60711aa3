import { readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** The library that shows objects as text: a CommonJS module in one file. */
export function inspectLibraryFile(): string {
  return realpathSync(require.resolve("node-inspect-extracted"));
}

/** Its source. Read each time: an isolate asks once, if ever, and the file is in the system's cache. */
export function readInspectLibrary(): string {
  return readFileSync(inspectLibraryFile(), "utf8");
}

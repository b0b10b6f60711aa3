import { readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/** The file with the tables of the multi-byte encodings, in the package of the platform's decoders. */
export function encodingTablesFile(): string {
  const folder = dirname(require.resolve("@exodus/bytes/multi-byte.js"));
  return realpathSync(join(folder, "fallback", "multi-byte.encodings.json"));
}

/**
 * The tables of the multi-byte encodings as JSON, 150 KB. They are read each time: an isolate asks once at most, and the file
 * is in the system's cache.
 */
export function readEncodingTables(): string {
  return readFileSync(encodingTablesFile(), "utf8");
}

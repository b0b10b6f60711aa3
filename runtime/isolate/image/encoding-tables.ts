import { readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/** Where the package whose decoders the platform has keeps the tables of the multi-byte encodings. */
export function encodingTablesFile(): string {
  const folder = dirname(require.resolve("@exodus/bytes/multi-byte.js"));
  return realpathSync(join(folder, "fallback", "multi-byte.encodings.json"));
}

/**
 * The tables of the multi-byte encodings as JSON, 150 KB. Read each time: an isolate asks once, if ever, and the file is
 * in the system's cache.
 */
export function readEncodingTables(): string {
  return readFileSync(encodingTablesFile(), "utf8");
}

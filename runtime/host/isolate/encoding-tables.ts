import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/**
 * The tables of the multi-byte encodings as JSON, 150 KB, out of the package whose decoders the platform has. Read each
 * time: an isolate asks once, if ever, and the file is in the system's cache.
 */
export function readEncodingTables(): string {
  const folder = dirname(require.resolve("@exodus/bytes/multi-byte.js"));
  return readFileSync(join(folder, "fallback", "multi-byte.encodings.json"), "utf8");
}

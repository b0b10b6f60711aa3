import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { fileURLToPath } from "node:url";

const BUILT_PLACE = /(file:\/\/[^\s()]+\.mjs):(\d+):(\d+)/g;

/**
 * A stack whose places in built files are places in the sources. Source maps are read here and not before: Node's own option
 * reads each at the start, and `Error.prepareStackTrace` is called for every error that Node makes for a missing file.
 */
export function readableStack(stack: string): string {
  const maps = new Map<string, SourceMap | undefined>();
  return stack.replace(BUILT_PLACE, (text: string, url: string, line: string, column: string) => {
    if (!maps.has(url)) maps.set(url, readMap(url));
    const origin = maps.get(url)?.findOrigin(Number(line), Number(column));
    if (origin === undefined || !("fileName" in origin)) return text;
    return `${new URL(origin.fileName, url)}:${origin.lineNumber}:${origin.columnNumber}`;
  });
}

function readMap(url: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(url)}.map`, "utf8")));
  } catch {
    // A file that is not built, or a cache that was emptied.
    return undefined;
  }
}

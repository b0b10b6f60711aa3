import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { fileURLToPath } from "node:url";

const BUILT_PLACE = /(file:\/\/[^\s()]+\.mjs):(\d+):(\d+)/g;

/**
 * Stacks name places in the sources instead of the built files. Only a stack that is read costs something; Node's own option
 * reads every source map at the start.
 */
export function makeStacksReadable(): void {
  const maps = new Map<string, SourceMap | undefined>();
  Error.prepareStackTrace = (error, sites) => {
    const places = sites.map((site) => `\n    at ${String(site).replace(BUILT_PLACE, toSource)}`);
    return `${describe(error)}${places.join("")}`;
  };
  const toSource = (text: string, url: string, line: string, column: string): string => {
    if (!maps.has(url)) maps.set(url, readMap(url));
    const origin = maps.get(url)?.findOrigin(Number(line), Number(column));
    if (origin === undefined || !("fileName" in origin)) return text;
    return `${new URL(origin.fileName, url)}:${origin.lineNumber}:${origin.columnNumber}`;
  };
}

function describe(error: unknown): string {
  try {
    return String(error);
  } catch {
    return "an error without a text";
  }
}

function readMap(url: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(url)}.map`, "utf8")));
  } catch {
    // A file that is not built, or a cache that was emptied.
    return undefined;
  }
}

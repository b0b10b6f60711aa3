import { SourceMap } from "node:module";

/** What stacks call a bundle; its source map turns the place into one of the author's files. */
export const BUNDLE_FILE = "narun:bundle";

const BUNDLE_PLACE = new RegExp(`${BUNDLE_FILE}:(\\d+):(\\d+)`, "g");

/** Frames of the platform itself say nothing to an author. */
const PLATFORM_FRAME = /^\s+at .*narun:platform:\d+:\d+\)?$/;

/** A stack with the places in the bundle replaced by those in the sources; without a map it keeps the bundle's. */
export function mapStack(stack: string, sourceMap: Uint8Array | undefined): string {
  const own = stack
    .split("\n")
    .filter((line) => !PLATFORM_FRAME.test(line))
    .join("\n");
  const map = sourceMap === undefined ? undefined : parseMap(sourceMap);
  if (map === undefined) return own;
  return own.replace(BUNDLE_PLACE, (place, line: string, column: string) => {
    const entry = map.findEntry(Number(line) - 1, Number(column) - 1);
    if (!("originalSource" in entry)) return place;
    return `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  });
}

function parseMap(sourceMap: Uint8Array): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(new TextDecoder().decode(sourceMap)));
  } catch {
    // A map that cannot be read costs the pretty places, not the stack.
    return undefined;
  }
}

export interface SourceMaps {
  /** A stack with the author's places, as soon as the map is there. */
  map(revision: string, stack: string): Promise<string>;
  provide(revision: string, sourceMap: Uint8Array | undefined): void;
}

/** How many revisions' maps a host keeps: they are needed only while something fails. */
const MAX_KEPT = 16;

/** Maps are asked of the runner when the first error of a revision is shown. */
export function createSourceMaps(ask: (revision: string) => void): SourceMaps {
  const maps = new Map<string, PromiseWithResolvers<Uint8Array | undefined>>();
  return {
    async map(revision, stack) {
      let wanted = maps.get(revision);
      if (wanted === undefined) {
        wanted = Promise.withResolvers();
        maps.set(revision, wanted);
        const oldest = maps.keys().next().value;
        if (maps.size > MAX_KEPT && oldest !== undefined) maps.delete(oldest);
        ask(revision);
      }
      return mapStack(stack, await wanted.promise);
    },
    provide(revision, sourceMap) {
      const wanted = maps.get(revision);
      wanted?.resolve(sourceMap);
      // What could not be had now may be there the next time.
      if (sourceMap === undefined) maps.delete(revision);
    },
  };
}

/**
 * Source maps of the revisions that run here, for stacks with the author's places.
 *
 * I1  A map is asked of the runner when the first stack of its revision is shown, and parsed once.
 * I2  What is kept is bounded in number and in bytes; what was used last stays.
 */
import { SourceMap } from "node:module";
import { PLATFORM_FILE } from "../../web/index.ts";

/** What stacks call a bundle; its source map turns the place into one of the author's files. */
export const BUNDLE_FILE = "narun:bundle";

const BUNDLE_PLACE = new RegExp(`${BUNDLE_FILE}:(\\d+):(\\d+)`, "g");

/**
 * A frame of the platform itself, which says nothing to an author, with the line end before it: a real one, or that of a
 * stack within a text that is quoted (JSON, a property that is shown; a long one is shown line by line, joined by `+`).
 * What follows the frame on its line belongs to the value around the error and stays: ` {` before own properties, `,` in
 * a list.
 */
const LINE_END = String.raw`(?:^|\n|\\n(?:(['"\x60]) \+\n[^\S\n]*\1)?)`;
const PLATFORM_FRAME = new RegExp(
  String.raw`${LINE_END}[^\S\n]+at (?:(?!\\n)[^\n])*?${PLATFORM_FILE}:\d+:\d+\)?`,
  "g",
);

/** A text in which the places in the bundle are replaced by those in the sources; without a map they stay. */
export function mapStack(stack: string, map: SourceMap | undefined): string {
  const own = stack.replace(PLATFORM_FRAME, "");
  if (map === undefined) return own;
  return own.replace(BUNDLE_PLACE, (place, line: string, column: string) => {
    const entry = map.findEntry(Number(line) - 1, Number(column) - 1);
    if (!("originalSource" in entry)) return place;
    return `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  });
}

/** Parsing holds the host's thread for some 20 ms per megabyte. */
const MAX_MAP_BYTES = 32 * 1024 * 1024;

/** A parsed source map; undefined where it cannot be read, which costs the pretty places and not the stack. */
export function parseSourceMap(bytes: Uint8Array): SourceMap | undefined {
  if (bytes.byteLength > MAX_MAP_BYTES) return undefined;
  try {
    return new SourceMap(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined;
  }
}

export interface SourceMaps {
  /** The map of a revision, where it is here already. `map` is undefined where the revision has none that can be read. */
  loaded(revision: string): { map: SourceMap | undefined } | undefined;
  /** The same, got from the runner where it is not here; undefined where it cannot be had now. */
  load(revision: string): Promise<SourceMap | undefined>;
  /** A stack with the author's places, as soon as the map is there. */
  map(revision: string, stack: string): Promise<string>;
  provide(revision: string, sourceMap: Uint8Array | undefined): void;
}

/** Maps are needed only while something fails or is printed with its place. Parsed, they have some ten times their bytes. */
const MAX_KEPT = 16;
const MAX_KEPT_BYTES = 8 * 1024 * 1024;

/** How long a stack waits for its map, before it is shown with the places of the bundle. */
const MAX_WAIT_MS = 5_000;

interface Kept {
  map: SourceMap | undefined;
  bytes: number;
}

export function createSourceMaps(ask: (revision: string) => void): SourceMaps {
  const kept = new Map<string, Kept>();
  const wanted = new Map<string, PromiseWithResolvers<SourceMap | undefined>>();

  const loaded = (revision: string) => {
    const found = kept.get(revision);
    if (found === undefined) return undefined;
    kept.delete(revision);
    kept.set(revision, found);
    return found;
  };
  const keep = (revision: string, one: Kept) => {
    kept.set(revision, one);
    let bytes = kept.values().reduce((sum, each) => sum + each.bytes, 0);
    for (const [oldest, each] of kept) {
      if (oldest === revision || (kept.size <= MAX_KEPT && bytes <= MAX_KEPT_BYTES)) break;
      kept.delete(oldest);
      bytes -= each.bytes;
    }
  };
  const settle = (revision: string, map: SourceMap | undefined) => {
    wanted.get(revision)?.resolve(map);
    wanted.delete(revision);
  };
  const load = async (revision: string) => {
    const here = loaded(revision);
    if (here !== undefined) return here.map;
    let waiting = wanted.get(revision);
    if (waiting === undefined) {
      waiting = Promise.withResolvers();
      wanted.set(revision, waiting);
      const timer = setTimeout(() => settle(revision, undefined), MAX_WAIT_MS);
      void waiting.promise.then(() => clearTimeout(timer));
      ask(revision);
    }
    return waiting.promise;
  };
  return {
    loaded,
    load,
    map: async (revision, stack) => mapStack(stack, await load(revision)),
    provide(revision, sourceMap) {
      // What could not be had now may be there the next time.
      if (sourceMap === undefined) return settle(revision, undefined);
      const map = parseSourceMap(sourceMap);
      keep(revision, { map, bytes: map === undefined ? 0 : sourceMap.byteLength });
      settle(revision, map);
    },
  };
}

/**
 * Source maps of the revisions that run here, for stacks with places in the author's files.
 *
 * I1  The runner is asked for a map when the first stack of its revision is shown. Each map is parsed once.
 * I2  The maps that are kept are bounded in number and in bytes. The map that was used least recently goes first.
 */
import { SourceMap } from "node:module";

/** The name of a bundle in stacks. All files of narun itself are named `narun:NAME` there. */
export const BUNDLE_FILE = "narun:bundle";

/** Any place that an author does not know: it is mapped, or left out. */
export const OWN_PLACE = /narun:[a-z]+:/;

const BUNDLE_PLACE = new RegExp(`${BUNDLE_FILE}:(\\d+):(\\d+)`, "g");

/**
 * A frame of narun itself, which tells an author nothing, with the line end before it. The line end is a real one, or the
 * escaped one of a quoted stack (JSON, a property that is shown; a long text is shown line by line, joined by `+`). The text
 * after the frame belongs to the value around the error and stays: ` {` before own properties, `,` in a list.
 */
const LINE_END = String.raw`(?:^|\n|\\n(?:(['"\x60]) \+\n[^\S\n]*\1)?)`;
const OWN_FRAME = new RegExp(
  String.raw`${LINE_END}[^\S\n]+at (?:(?!\\n)[^\n])*?narun:(?!bundle:)[a-z]+:\d+:\d+\)?`,
  "g",
);

/** Replaces the places in the bundle by places in the sources. Without a map they stay. */
export function mapStack(stack: string, map: SourceMap | undefined): string {
  const own = stack.replace(OWN_FRAME, "");
  if (map === undefined) return own;
  return own.replace(BUNDLE_PLACE, (place, line: string, column: string) => {
    const entry = map.findEntry(Number(line) - 1, Number(column) - 1);
    if (!("originalSource" in entry)) return place;
    return `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  });
}

/** Upper bound of the size of a map: parsing holds the host's thread for some 20 ms per megabyte. */
const MAX_MAP_BYTES = 32 * 1024 * 1024;

/** Parses a source map; undefined where it cannot be read: stacks then keep the places of the bundle. */
export function parseSourceMap(bytes: Uint8Array): SourceMap | undefined {
  if (bytes.byteLength > MAX_MAP_BYTES) return undefined;
  try {
    return new SourceMap(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined;
  }
}

export interface SourceMaps {
  /** The map of a revision if it was loaded. `map` is undefined where the revision has no readable one. */
  loaded(revision: string): { map: SourceMap | undefined } | undefined;
  /** Loads the map of a revision from the runner if needed; undefined where the runner cannot provide it now. */
  load(revision: string): Promise<SourceMap | undefined>;
  /** Maps a stack to the author's places when the map is loaded. */
  map(revision: string, stack: string): Promise<string>;
  provide(revision: string, sourceMap: Uint8Array | undefined): void;
}

/** Upper bounds of the maps that are kept. A parsed map takes some ten times its bytes. */
const MAX_KEPT = 16;
const MAX_KEPT_BYTES = 8 * 1024 * 1024;

/** How long a stack waits for its map. After that it is shown with the places of the bundle. */
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
      // The runner may have the map the next time.
      if (sourceMap === undefined) return settle(revision, undefined);
      const map = parseSourceMap(sourceMap);
      keep(revision, { map, bytes: map === undefined ? 0 : sourceMap.byteLength });
      settle(revision, map);
    },
  };
}

/**
 * Makes a bundle the same wherever its packages are installed: how far above the function's folder they are differs by
 * machine, and must not change the digest. esbuild names such files in the source map, and CommonJS modules in the code.
 */

/** `__commonJS({"../../node_modules/…"(`: the way to the packages is what goes. */
const WAY_IN_CODE = /(?<=\(\{")(?:\.\.\/)+(?:[^"\n]*?\/)?(?=node_modules\/[^"\n]*"\()/g;
const WAY_IN_MAP = /^(?:\.\.\/)+(?:.*?\/)?(?=node_modules\/)/;

interface Cut {
  line: number;
  column: number;
  length: number;
}

export function makePlaceIndependent(
  code: Uint8Array,
  sourceMap: Uint8Array,
): { code: Uint8Array; sourceMap: Uint8Array } {
  const text = Buffer.from(code).toString("utf8");
  const map = JSON.parse(Buffer.from(sourceMap).toString("utf8")) as { sources: string[]; mappings: string };
  const sources = map.sources.map((source) => source.replace(WAY_IN_MAP, ""));
  const cuts = findCuts(text);
  if (cuts.length === 0) return { code, sourceMap: Buffer.from(JSON.stringify({ ...map, sources })) };
  const mappings = shiftMappings(map.mappings, cuts);
  return {
    code: Buffer.from(text.replace(WAY_IN_CODE, "")),
    sourceMap: Buffer.from(JSON.stringify({ ...map, sources, mappings })),
  };
}

function findCuts(text: string): Cut[] {
  let line = 0;
  let lineStart = 0;
  return [...text.matchAll(WAY_IN_CODE)].map(({ index, 0: { length } }) => {
    for (let next = text.indexOf("\n", lineStart); next !== -1 && next < index; ) {
      line += 1;
      lineStart = next + 1;
      next = text.indexOf("\n", lineStart);
    }
    return { line, column: index - lineStart, length };
  });
}

/**
 * Moves what stands behind a cut, on its line, to the left. Columns of a line are differences between neighbours, so
 * that only the first one behind a cut is written anew.
 */
function shiftMappings(mappings: string, cuts: readonly Cut[]): string {
  const cutsByLine = Map.groupBy(cuts, ({ line }) => line);
  return mappings
    .split(";")
    .map((segments, line) => {
      const own = cutsByLine.get(line) ?? [];
      return own.length === 0 ? segments : shiftLine(segments, own);
    })
    .join(";");
}

function shiftLine(line: string, cuts: readonly Cut[]): string {
  let column = 0;
  let done = 0;
  return line
    .split(",")
    .map((segment) => {
      const { value, end } = decodeFirst(segment);
      column += value;
      let removed = 0;
      for (let cut = cuts[done]; cut !== undefined && cut.column < column; cut = cuts[done]) {
        removed += cut.length;
        done += 1;
      }
      return removed === 0 ? segment : encode(value - removed) + segment.slice(end);
    })
    .join(",");
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The first number of a segment (base 64, variable length: five bits a digit, the least significant first, then the sign). */
function decodeFirst(segment: string): { value: number; end: number } {
  let bits = 0;
  let end = 0;
  for (let shift = 0; end < segment.length; shift += 5) {
    const digit = DIGITS.indexOf(segment[end] ?? "A");
    end += 1;
    bits += (digit & 31) * 2 ** shift;
    if (digit < 32) break;
  }
  const size = Math.floor(bits / 2);
  return { value: bits % 2 === 1 ? -size : size, end };
}

function encode(value: number): string {
  let rest = Math.abs(value) * 2 + (value < 0 ? 1 : 0);
  let text = "";
  do {
    const digit = rest % 32;
    rest = Math.floor(rest / 32);
    text += DIGITS[rest > 0 ? digit + 32 : digit] ?? "";
  } while (rest > 0);
  return text;
}

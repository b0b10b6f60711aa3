/** Edits the code of a bundle and keeps its source map in step. */

/** A replacement on one line. Neither text may contain a line break. */
export interface Edit {
  /** The offset in UTF-16 units from the beginning of the code. */
  at: number;
  /** The number of removed units. */
  removed: number;
  inserted: string;
}

type Placed = Edit & { line: number; column: number };

/** Applies edits, which are in the order of their offsets. */
export function editBundle(
  code: string,
  mappings: string,
  edits: readonly Edit[],
): { code: string; mappings: string } {
  if (edits.length === 0) return { code, mappings };
  const parts: string[] = [];
  let done = 0;
  for (const { at, removed, inserted } of edits) {
    parts.push(code.slice(done, at), inserted);
    done = at + removed;
  }
  return { code: parts.join("") + code.slice(done), mappings: shiftMappings(mappings, place(code, edits)) };
}

function place(code: string, edits: readonly Edit[]): Placed[] {
  let line = 0;
  let lineStart = 0;
  return edits.map((edit) => {
    for (let next = code.indexOf("\n", lineStart); next !== -1 && next < edit.at; ) {
      line += 1;
      lineStart = next + 1;
      next = code.indexOf("\n", lineStart);
    }
    return { ...edit, line, column: edit.at - lineStart };
  });
}

/**
 * Moves the segments behind an edit on its line. The columns of a line are differences between neighbours, so only the first
 * segment behind an edit is written anew.
 */
function shiftMappings(mappings: string, edits: readonly Placed[]): string {
  const byLine = Map.groupBy(edits, ({ line }) => line);
  return mappings
    .split(";")
    .map((segments, line) => {
      const own = byLine.get(line) ?? [];
      return own.length === 0 ? segments : shiftLine(segments, own);
    })
    .join(";");
}

function shiftLine(line: string, edits: readonly Placed[]): string {
  let column = 0;
  let done = 0;
  return line
    .split(",")
    .map((segment) => {
      const { value, end } = decodeFirst(segment);
      column += value;
      let removed = 0;
      for (let edit = edits[done]; edit !== undefined && edit.column < column; edit = edits[done]) {
        removed += edit.removed - edit.inserted.length;
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

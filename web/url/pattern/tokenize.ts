/** The tokens of a pattern string (URL Pattern standard, "Tokenizing"). Positions count code points. */

export type TokenType =
  | "open"
  | "close"
  | "regexp"
  | "name"
  | "char"
  | "escaped-char"
  | "other-modifier"
  | "asterisk"
  | "end"
  | "invalid-char";

export interface Token {
  type: TokenType;
  index: number;
  value: string;
}

const SINGLE: Readonly<Record<string, TokenType>> = {
  "*": "asterisk",
  "+": "other-modifier",
  "?": "other-modifier",
  "{": "open",
  "}": "close",
};

/** A strict tokenizer throws at invalid text. A lenient one returns it as `invalid-char`. */
export function tokenize(points: readonly string[], isStrict: boolean): Token[] {
  const tokens: Token[] = [];
  let index = 0;
  const add = (type: TokenType, end: number, from = index, to = end) => {
    tokens.push({ type, index, value: points.slice(from, to).join("") });
    index = end;
  };
  const fail = (what: string, end = index + 1) => {
    if (isStrict)
      throw new TypeError(`${what} at ${index} of the pattern ${JSON.stringify(points.join(""))}`);
    add("invalid-char", end);
  };
  while (index < points.length) {
    const point = points[index] ?? "";
    const single = SINGLE[point];
    if (single !== undefined) add(single, index + 1);
    else if (point === "\\") {
      if (index === points.length - 1) fail("Nothing to escape");
      else add("escaped-char", index + 2, index + 1);
    } else if (point === ":") {
      const end = endOfName(points, index + 1);
      if (end === index + 1) fail("A name is missing");
      else add("name", end, index + 1);
    } else if (point === "(") {
      const end = endOfRegexp(points, index + 1);
      if (end === undefined) fail("An invalid regular expression");
      else add("regexp", end, index + 1, end - 1);
    } else add("char", index + 1);
  }
  add("end", index);
  return tokens;
}

export function isNamePoint(point: string, isFirst: boolean): boolean {
  return isFirst ? /^[\p{ID_Start}$_]$/u.test(point) : /^[\p{ID_Continue}$\u200c\u200d]$/u.test(point);
}

function endOfName(points: readonly string[], start: number): number {
  let end = start;
  while (end < points.length && isNamePoint(points[end] ?? "", end === start)) end++;
  return end;
}

/**
 * The index behind the closing parenthesis of the group. Undefined for a group that is empty, not ASCII, or has a capturing
 * group inside.
 */
function endOfRegexp(points: readonly string[], start: number): number | undefined {
  let depth = 1;
  for (let at = start; at < points.length; at++) {
    const point = points[at] ?? "";
    if (!isAscii(point) || (at === start && point === "?")) return undefined;
    if (point === "\\") {
      at++;
      if (at === points.length || !isAscii(points[at] ?? "")) return undefined;
    } else if (point === ")") {
      depth--;
      if (depth === 0) return at === start ? undefined : at + 1;
    } else if (point === "(") {
      depth++;
      if (points[at + 1] !== "?") return undefined;
    }
  }
  return undefined;
}

function isAscii(point: string): boolean {
  return point.charCodeAt(0) < 0x80;
}

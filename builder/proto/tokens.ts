/** The tokens of a `.proto` file, with their places and the comments before them. */
import { ProtoError, type ProtoPlace, type ProtoSource } from "./proto-error.ts";

export interface Token extends ProtoPlace {
  readonly kind: "name" | "integer" | "float" | "text" | "symbol" | "end";
  /** As written. */
  readonly text: string;
  /** The bytes of a text, decoded. */
  readonly bytes?: Uint8Array;
  /** The comment right before it, without its marks. */
  readonly comment?: string;
}

const SPACE = /[ \t\r\n\f\v\ufeff]+/y;
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const NAME = /[A-Za-z_]\w*/y;
const FLOAT = /(?:\d+\.\d*(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)[fF]?/y;
const INTEGER = /0[xX][0-9a-fA-F]+|\d+/y;
const TEXT = /"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'/y;
const SYMBOL = /[;,.:=(){}[\]<>+\-/]/y;

const KINDS = [
  ["name", NAME],
  ["float", FLOAT],
  ["integer", INTEGER],
  ["text", TEXT],
  ["symbol", SYMBOL],
] as const;

/** Error: ProtoError, for a character that begins no token. */
export function tokensOf(source: ProtoSource): Token[] {
  const { text } = source;
  const tokens: Token[] = [];
  let [at, line, lineStart, comment] = [0, 1, 0, ""];
  const pass = (length: number) => {
    for (
      let index = text.indexOf("\n", at);
      index >= 0 && index < at + length;
      index = text.indexOf("\n", index + 1)
    ) {
      line += 1;
      lineStart = index + 1;
    }
    at += length;
  };
  while (at < text.length) {
    const space = lengthAt(SPACE, text, at);
    if (space > 0) {
      // A blank line separates a comment from the next statement.
      if (/\n[^\S\n]*\n/.test(text.slice(at, at + space))) comment = "";
      pass(space);
      continue;
    }
    const commentLength = lengthAt(COMMENT, text, at);
    if (commentLength > 0) {
      // A comment at the end of a line belongs to that line.
      const isTrailing = tokens.at(-1)?.line === line;
      if (!isTrailing) comment = joinComment(comment, text.slice(at, at + commentLength));
      pass(commentLength);
      continue;
    }
    const place = { source, line, column: at - lineStart };
    const token = tokenAt(place, at);
    tokens.push(comment === "" ? token : { ...token, comment });
    comment = "";
    pass(token.length);
  }
  tokens.push({ kind: "end", text: "the end of the file", source, line, column: at - lineStart, length: 0 });
  return tokens;
}

function tokenAt(place: Omit<ProtoPlace, "length">, at: number): Token {
  const { text } = place.source;
  for (const [kind, pattern] of KINDS) {
    const length = lengthAt(pattern, text, at);
    if (length === 0) continue;
    const token = { ...place, kind, text: text.slice(at, at + length), length };
    return kind === "text" ? { ...token, bytes: bytesOf(token) } : token;
  }
  const found = String.fromCodePoint(text.codePointAt(at) ?? 0);
  const isText = found === '"' || found === "'";
  throw new ProtoError(
    { ...place, length: 1 },
    isText ? "a text without an end" : `unexpected ${JSON.stringify(found)}`,
    isText ? `close it with ${found} on the same line` : "remove it, or put it into a text or a comment",
  );
}

function lengthAt(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0].length ?? 0;
}

function joinComment(before: string, comment: string): string {
  const body = comment.startsWith("//")
    ? comment.slice(2)
    : comment.slice(2, -2).replace(/^[^\S\n]*\*[^\S\n]?/gm, "");
  return `${before}${before === "" ? "" : "\n"}${body.trim()}`;
}

const ESCAPES: Record<string, number> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 };
const ESCAPE = /\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S]))/g;

function bytesOf({ text }: { text: string }): Uint8Array {
  const parts: Buffer[] = [];
  const inner = text.slice(1, -1);
  let at = 0;
  for (const match of inner.matchAll(ESCAPE)) {
    const [whole, octal, hex, short, long, other = ""] = match;
    parts.push(Buffer.from(inner.slice(at, match.index)));
    at = match.index + whole.length;
    const point = short ?? long;
    if (octal !== undefined) parts.push(Buffer.from([Number.parseInt(octal, 8) & 0xff]));
    else if (hex !== undefined) parts.push(Buffer.from([Number.parseInt(hex, 16)]));
    else if (point !== undefined) parts.push(Buffer.from(characterOf(point)));
    else parts.push(ESCAPES[other] === undefined ? Buffer.from(other) : Buffer.from([ESCAPES[other]]));
  }
  parts.push(Buffer.from(inner.slice(at)));
  return Buffer.concat(parts);
}

function characterOf(hex: string): string {
  const point = Number.parseInt(hex, 16);
  return point > 0x10ffff ? "\ufffd" : String.fromCodePoint(point);
}

/**
 * Reads JavaScript token by token, precisely enough to match braces and names. A template with its contents is one token.
 * The input is the bundler's output: it is valid, and a `/` in it is never ambiguous.
 */

export interface Token {
  text: string;
  /** The offset of its beginning in the code. */
  at: number;
}

// Strings are read in runs, because a string may have megabytes.
const TOKEN =
  /\s+|\/\/.*|\/\*[\s\S]*?\*\/|"[^"\\]*(?:\\[\s\S][^"\\]*)*"|'[^'\\]*(?:\\[\s\S][^'\\]*)*'|#?[\p{ID_Start}$_][\p{ID_Continue}$]*|\.?\d[\w.]*|=>|\.\.\.|[\s\S]/uy;
const REGULAR_EXPRESSION = /\/(?:\[(?:[^\]\\\n]|\\.)*\]|[^/\\[\n]|\\.)+\/\w*/uy;
const BLANK = /^(?:\s|\/[/*])/;
/** A `/` behind one of these tokens is a division. */
const ENDS_VALUE = /^(?:[)\]}]|["'`]|[\p{ID_Start}$_\d.])/u;
const WORDS_BEFORE_VALUE = new Set([
  "return",
  "typeof",
  "case",
  "in",
  "of",
  "void",
  "delete",
  "throw",
  "new",
]);

/** The tokens of code from an offset on, without blanks and comments. */
export function* tokensFrom(code: string, from: number): Generator<Token> {
  let at = from;
  let previous = "";
  while (at < code.length) {
    const text = textAt(code, at, previous);
    if (!BLANK.test(text)) {
      yield { text, at };
      previous = text;
    }
    at += text.length;
  }
}

function textAt(code: string, at: number, previous: string): string {
  if (code[at] === "`") return code.slice(at, endOfTemplate(code, at));
  const isValueBefore = ENDS_VALUE.test(previous) && !WORDS_BEFORE_VALUE.has(previous);
  const text = match(TOKEN, code, at);
  return text === "/" && !isValueBefore ? match(REGULAR_EXPRESSION, code, at) || text : text;
}

function match(pattern: RegExp, code: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(code)?.[0] ?? "";
}

function endOfTemplate(code: string, from: number): number {
  for (let at = from + 1; at < code.length; at += 1) {
    if (code[at] === "\\") at += 1;
    else if (code[at] === "`") return at + 1;
    else if (code.startsWith("${", at)) at = endOfBraces(code, at + 1);
  }
  return code.length;
}

/** The index of the closing brace for the opening brace at an index. */
function endOfBraces(code: string, from: number): number {
  let depth = 0;
  for (const { text, at } of tokensFrom(code, from)) {
    if (text === "{") depth += 1;
    if (text === "}") depth -= 1;
    if (depth === 0) return at;
  }
  return code.length;
}

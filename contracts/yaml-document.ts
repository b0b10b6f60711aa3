import { Composer, CST, type Document, Lexer, LineCounter, Parser, YAMLParseError } from "yaml";

/** Upper bounds of a YAML text. They are held before anything is composed of it, so that no text is expensive. */
export interface YamlBounds {
  maxBytes: number;
  /** Marks, scalars, line ends, spaces: about seven for a line of `key: value`. */
  maxTokens: number;
  maxDepth: number;
  maxAliases: number;
}

/** Default bounds: of narun.yaml, and of texts in NATS' stores. */
export const YAML_BOUNDS: YamlBounds = {
  maxBytes: 256 * 1024,
  maxTokens: 20_000,
  maxDepth: 64,
  maxAliases: 100,
};

/** The first document of a text, with its errors, or the bound that the text is over. */
export type YamlReading = { ok: true; document: Document; lines: LineCounter } | { ok: false; issue: string };

export function readYamlDocument(text: string, bounds: YamlBounds = YAML_BOUNDS): YamlReading {
  const bytes = Buffer.byteLength(text);
  if (bytes > bounds.maxBytes)
    return { ok: false, issue: `it has ${bytes} bytes; at most ${bounds.maxBytes} are read` };
  const lines = new LineCounter();
  const composer = new Composer({ prettyErrors: false, lineCounter: lines });
  try {
    const tokens = boundedTokens(text, bounds, lines);
    const [document, second] = composer.compose(tokens, true, text.length);
    if (document === undefined) return { ok: false, issue: "it has no document" };
    if (second !== undefined) {
      const message = "there is a second document; only one is read";
      const [start, end] = second.range;
      document.errors.push(new YAMLParseError([start, end], "MULTIPLE_DOCS", message));
    }
    return { ok: true, document, lines };
  } catch (error) {
    if (error instanceof OverBound) return { ok: false, issue: error.message };
    throw error;
  }
}

class OverBound extends Error {}

/** The library's own way from text to tokens, one lexeme after the other. */
function* boundedTokens(text: string, bounds: YamlBounds, lines: LineCounter): Generator<CST.Token, void> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let [tokens, aliases] = [0, 0];
  for (const lexeme of new Lexer().lex(text)) {
    tokens += 1;
    if (CST.tokenType(lexeme) === "alias") aliases += 1;
    if (tokens > bounds.maxTokens) throw new OverBound(`it has more than ${bounds.maxTokens} tokens`);
    if (aliases > bounds.maxAliases) throw new OverBound(`it has more than ${bounds.maxAliases} aliases`);
    yield* parser.next(lexeme);
    if (parser.stack.length > bounds.maxDepth)
      throw new OverBound(`it is nested more than ${bounds.maxDepth} deep`);
  }
  yield* parser.end();
}

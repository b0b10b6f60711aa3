/** Parses a pattern string into its parts (URL Pattern standard, "parse a pattern string"). */
import { FULL_WILDCARD, type Modifier, type Part, type PartOptions, segmentWildcard } from "./parts.ts";
import { type Token, type TokenType, tokenize } from "./tokenize.ts";

/** Throws a TypeError for an invalid pattern. `encode` canonicalises the text between the groups. */
export function parseParts(pattern: string, options: PartOptions, encode: (text: string) => string): Part[] {
  return new PartParser(pattern, options, encode).parse();
}

/** The tokens of a matching group. A group without either token is plain text in braces. */
interface Group {
  name: Token | undefined;
  regexp: Token | undefined;
}

class PartParser {
  readonly #pattern: string;
  readonly #options: PartOptions;
  readonly #encode: (text: string) => string;
  readonly #tokens: readonly Token[];
  readonly #parts: Part[] = [];
  #at = 0;
  /** Fixed text that is not yet a part. */
  #pending = "";
  /** The name of the next group without a name. */
  #nextNumber = 0;

  constructor(pattern: string, options: PartOptions, encode: (text: string) => string) {
    this.#pattern = pattern;
    this.#options = options;
    this.#encode = encode;
    this.#tokens = tokenize(Array.from(pattern), true);
  }

  parse(): Part[] {
    while (this.#at < this.#tokens.length) this.#readPart();
    return this.#parts;
  }

  #readPart(): void {
    const char = this.#take("char");
    const group = this.#takeGroup();
    if (group.name !== undefined || group.regexp !== undefined) {
      this.#addGroupAfter(char?.value ?? "", group);
      return;
    }
    const fixed = char ?? this.#take("escaped-char");
    if (fixed !== undefined) this.#pending += fixed.value;
    else if (this.#take("open") !== undefined) this.#readBraces();
    else this.#readEnd();
  }

  /** Adds a group. The character before it is its prefix if the component has that prefix. */
  #addGroupAfter(char: string, group: Group): void {
    const isPrefix = char === this.#options.prefix;
    if (!isPrefix) this.#pending += char;
    this.#flush();
    this.#add(isPrefix ? char : "", group, "", this.#takeModifier());
  }

  #readBraces(): void {
    const prefix = this.#takeText();
    const group = this.#takeGroup();
    const suffix = this.#takeText();
    if (this.#take("close") === undefined)
      throw new TypeError(`A } is missing in ${JSON.stringify(this.#pattern)}`);
    this.#add(prefix, group, suffix, this.#takeModifier());
  }

  #readEnd(): void {
    this.#flush();
    if (this.#take("end") === undefined)
      throw new TypeError(
        `${JSON.stringify(this.#tokens[this.#at]?.value)} is out of place in ${JSON.stringify(this.#pattern)}`,
      );
  }

  #add(prefix: string, { name, regexp }: Group, suffix: string, modifier: Modifier): void {
    if (name !== undefined || regexp !== undefined) {
      this.#flush();
      this.#addGroup(prefix, { name, regexp }, suffix, modifier);
    } else if (modifier === "") this.#pending += prefix;
    else {
      this.#flush();
      if (prefix !== "") this.#addText(prefix, modifier);
    }
  }

  #addGroup(prefix: string, { name, regexp }: Group, suffix: string, modifier: Modifier): void {
    const segment = segmentWildcard(this.#options);
    const source = regexp === undefined ? segment : regexp.type === "asterisk" ? FULL_WILDCARD : regexp.value;
    const type =
      source === segment ? "segment-wildcard" : source === FULL_WILDCARD ? "full-wildcard" : "regexp";
    const own = name === undefined ? String(this.#nextNumber++) : name.value;
    if (this.#parts.some((part) => part.name === own))
      throw new TypeError(`The pattern ${JSON.stringify(this.#pattern)} has two groups of the name ${own}`);
    const value = type === "regexp" ? source : "";
    const [before, after] = [this.#encode(prefix), this.#encode(suffix)];
    this.#parts.push({ type, value, modifier, name: own, prefix: before, suffix: after });
  }

  #flush(): void {
    const text = this.#pending;
    this.#pending = "";
    if (text !== "") this.#addText(text, "");
  }

  #addText(text: string, modifier: Modifier): void {
    const value = this.#encode(text);
    this.#parts.push({ type: "fixed-text", value, modifier, name: "", prefix: "", suffix: "" });
  }

  #take(...types: TokenType[]): Token | undefined {
    const token = this.#tokens[this.#at];
    if (token === undefined || !types.includes(token.type)) return undefined;
    this.#at++;
    return token;
  }

  #takeText(): string {
    let text = "";
    for (
      let token = this.#take("char", "escaped-char");
      token !== undefined;
      token = this.#take("char", "escaped-char")
    )
      text += token.value;
    return text;
  }

  #takeGroup(): Group {
    const name = this.#take("name");
    const regexp = this.#take("regexp") ?? (name === undefined ? this.#take("asterisk") : undefined);
    return { name, regexp };
  }

  #takeModifier(): Modifier {
    return (this.#take("other-modifier", "asterisk")?.value ?? "") as Modifier;
  }
}

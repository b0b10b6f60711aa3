/**
 * The parts of a pattern string: parsed, and written as a regular expression and as a normalised pattern string again
 * (URL Pattern standard, "Parts").
 */
import { isNamePoint, type Token, type TokenType, tokenize } from "./tokenize.ts";

export interface PartOptions {
  /** What a named group without a regular expression does not match. */
  delimiter: string;
  /** What before a group belongs to the group. */
  prefix: string;
}

/** `""`: exactly once. */
type Modifier = "" | "?" | "*" | "+";

export interface Part {
  type: "fixed-text" | "regexp" | "segment-wildcard" | "full-wildcard";
  value: string;
  modifier: Modifier;
  name: string;
  prefix: string;
  suffix: string;
}

const FULL_WILDCARD = ".*";

function segmentWildcard({ delimiter }: PartOptions): string {
  return `[^${escapeRegexp(delimiter)}]+?`;
}

/** Throws a TypeError for what is no pattern; `encode` canonicalises the text between the groups. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export function parseParts(pattern: string, options: PartOptions, encode: (text: string) => string): Part[] {
  const tokens = tokenize(Array.from(pattern), true);
  const parts: Part[] = [];
  const segment = segmentWildcard(options);
  let at = 0;
  let pending = "";
  let nextNumber = 0;

  const take = (...types: TokenType[]): Token | undefined => {
    const token = tokens[at];
    if (token === undefined || !types.includes(token.type)) return undefined;
    at++;
    return token;
  };
  const takeText = () => {
    let text = "";
    for (let token = take("char", "escaped-char"); token !== undefined; token = take("char", "escaped-char"))
      text += token.value;
    return text;
  };
  const takeGroup = () => {
    const name = take("name");
    return { name, regexp: take("regexp") ?? (name === undefined ? take("asterisk") : undefined) };
  };
  const takeModifier = () => (take("other-modifier", "asterisk")?.value ?? "") as Modifier;
  const flush = () => {
    if (pending === "") return;
    const value = encode(pending);
    pending = "";
    parts.push({ type: "fixed-text", value, modifier: "", name: "", prefix: "", suffix: "" });
  };
  const addPart = (
    prefix: string,
    group: ReturnType<typeof takeGroup>,
    suffix: string,
    modifier: Modifier,
  ) => {
    const { name, regexp } = group;
    if (name === undefined && regexp === undefined && modifier === "") {
      pending += prefix;
      return;
    }
    flush();
    if (name === undefined && regexp === undefined) {
      if (prefix === "") return;
      parts.push({ type: "fixed-text", value: encode(prefix), modifier, name: "", prefix: "", suffix: "" });
      return;
    }
    const source = regexp === undefined ? segment : regexp.type === "asterisk" ? FULL_WILDCARD : regexp.value;
    const type =
      source === segment ? "segment-wildcard" : source === FULL_WILDCARD ? "full-wildcard" : "regexp";
    const own = name === undefined ? String(nextNumber++) : name.value;
    if (parts.some((part) => part.name === own))
      throw new TypeError(`The pattern ${JSON.stringify(pattern)} has two groups of the name ${own}`);
    const value = type === "regexp" ? source : "";
    parts.push({ type, value, modifier, name: own, prefix: encode(prefix), suffix: encode(suffix) });
  };

  while (at < tokens.length) {
    const char = take("char");
    const group = takeGroup();
    if (group.name !== undefined || group.regexp !== undefined) {
      let prefix = char?.value ?? "";
      if (prefix !== "" && prefix !== options.prefix) {
        pending += prefix;
        prefix = "";
      }
      flush();
      addPart(prefix, group, "", takeModifier());
      continue;
    }
    const fixed = char ?? take("escaped-char");
    if (fixed !== undefined) {
      pending += fixed.value;
      continue;
    }
    if (take("open") !== undefined) {
      const prefix = takeText();
      const inner = takeGroup();
      const suffix = takeText();
      if (take("close") === undefined) throw new TypeError(`A } is missing in ${JSON.stringify(pattern)}`);
      addPart(prefix, inner, suffix, takeModifier());
      continue;
    }
    flush();
    if (take("end") === undefined)
      throw new TypeError(
        `${JSON.stringify(tokens[at]?.value)} is out of place in ${JSON.stringify(pattern)}`,
      );
  }
  return parts;
}

/** A regular expression for the whole component; its groups are the parts' in order. */
export function regexpOf(parts: readonly Part[], options: PartOptions): string {
  return `^${parts.map((part) => regexpOfPart(part, options)).join("")}$`;
}

function regexpOfPart({ type, value, modifier, prefix, suffix }: Part, options: PartOptions): string {
  if (type === "fixed-text")
    return modifier === "" ? escapeRegexp(value) : `(?:${escapeRegexp(value)})${modifier}`;
  const inner =
    type === "segment-wildcard" ? segmentWildcard(options) : type === "full-wildcard" ? FULL_WILDCARD : value;
  const isRepeated = modifier === "*" || modifier === "+";
  if (prefix === "" && suffix === "")
    return isRepeated ? `((?:${inner})${modifier})` : `(${inner})${modifier}`;
  const [before, after] = [escapeRegexp(prefix), escapeRegexp(suffix)];
  if (!isRepeated) return `(?:${before}(${inner})${after})${modifier}`;
  const repeated = `(?:${before}((?:${inner})(?:${after}${before}(?:${inner}))*)${after})`;
  return modifier === "*" ? `${repeated}?` : repeated;
}

/** The pattern string that says the same, in its normal form. */
export function patternOf(parts: readonly Part[], options: PartOptions): string {
  return parts.map((part, i) => patternOfPart(part, parts[i - 1], parts[i + 1], options)).join("");
}

function patternOfPart(
  part: Part,
  previous: Part | undefined,
  next: Part | undefined,
  options: PartOptions,
): string {
  const { type, value, modifier, name, prefix, suffix } = part;
  if (type === "fixed-text")
    return modifier === "" ? escapePattern(value) : `{${escapePattern(value)}}${modifier}`;
  const isNamed = !/^\d/.test(name);
  let isGrouped = suffix !== "" || (prefix !== "" && prefix !== options.prefix);
  if (!isGrouped && isNamed && type === "segment-wildcard" && modifier === "" && next !== undefined)
    // What follows would be read as a part of the name.
    isGrouped =
      next.prefix === "" &&
      next.suffix === "" &&
      (next.type === "fixed-text" ? startsInName(next.value) : /^\d/.test(next.name));
  if (!isGrouped && prefix === "" && options.prefix !== "" && previous?.type === "fixed-text")
    isGrouped = previous.value.endsWith(options.prefix);

  let inner = isNamed ? `:${name}` : "";
  if (type === "regexp") inner += `(${value})`;
  else if (type === "segment-wildcard" && !isNamed) inner += `(${segmentWildcard(options)})`;
  else if (type === "full-wildcard") {
    const isAlone = previous === undefined || previous.type === "fixed-text" || previous.modifier !== "";
    inner += !isNamed && (isAlone || isGrouped || prefix !== "") ? "*" : `(${FULL_WILDCARD})`;
  }
  if (type === "segment-wildcard" && isNamed && startsInName(suffix)) inner += "\\";
  const text = `${escapePattern(prefix)}${inner}${escapePattern(suffix)}`;
  return `${isGrouped ? `{${text}}` : text}${modifier}`;
}

function startsInName(text: string): boolean {
  const [first = ""] = text;
  return first !== "" && isNamePoint(first, false);
}

export function escapePattern(text: string): string {
  return text.replace(/[+*?:{}()\\]/g, "\\$&");
}

function escapeRegexp(text: string): string {
  return text.replace(/[.+*?^${}()[\]|/\\]/g, "\\$&");
}

/**
 * The parts of a pattern string, written as a regular expression and as a normalised pattern string (URL Pattern
 * standard, "Parts").
 */
import { isNamePoint } from "./tokenize.ts";

export interface PartOptions {
  /** The character at which the match of a named group without a regular expression ends. */
  delimiter: string;
  /** The character that belongs to the group behind it. */
  prefix: string;
}

/** `""`: exactly once. */
export type Modifier = "" | "?" | "*" | "+";

export interface Part {
  type: "fixed-text" | "regexp" | "segment-wildcard" | "full-wildcard";
  value: string;
  modifier: Modifier;
  name: string;
  prefix: string;
  suffix: string;
}

export const FULL_WILDCARD = ".*";

export function segmentWildcard({ delimiter }: PartOptions): string {
  return `[^${escapeRegexp(delimiter)}]+?`;
}

/** A regular expression for the whole component. Its groups are the groups of the parts, in order. */
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

/** The normalised pattern string. */
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
    // Without braces the text of the next part would continue the name.
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

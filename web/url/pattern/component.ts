/** One compiled component of a pattern (URL Pattern standard, "Components"). */
import { canonicalProtocol, SPECIAL_PORTS } from "./canonicalize.ts";
import { parseParts } from "./parse-parts.ts";
import { type PartOptions, patternOf, regexpOf } from "./parts.ts";

export interface Component {
  pattern: string;
  regexp: RegExp;
  groupNames: string[];
  hasRegexpGroups: boolean;
}

export const PLAIN: PartOptions = { delimiter: "", prefix: "" };

export function compileComponent(
  pattern: string,
  encode: (text: string) => string,
  options: PartOptions,
  ignoreCase = false,
): Component {
  const parts = parseParts(pattern, options, encode);
  return {
    pattern: patternOf(parts, options),
    regexp: makeRegexp(regexpOf(parts, options), ignoreCase ? "vi" : "v", pattern),
    groupNames: parts.filter(({ type }) => type !== "fixed-text").map(({ name }) => name),
    hasRegexpGroups: parts.some(({ type }) => type === "regexp"),
  };
}

export function compileProtocol(pattern: string): Component {
  return compileComponent(pattern, canonicalProtocol, PLAIN);
}

export function matchesSpecialScheme({ regexp }: Component): boolean {
  return Object.keys(SPECIAL_PORTS).some((scheme) => regexp.exec(scheme) !== null);
}

function makeRegexp(source: string, flags: string, pattern: string): RegExp {
  try {
    return new RegExp(source, flags);
  } catch {
    throw new TypeError(`${JSON.stringify(pattern)} has an invalid regular expression`);
  }
}

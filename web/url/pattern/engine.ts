/** Compiles and matches the components of a `URLPattern`. Loaded with the first pattern (lazy-modules.ts). */

import { toDictionary, toUSVString } from "../../webidl/webidl.ts";
import { basicURLParse } from "../url.ts";
import {
  canonicalHash,
  canonicalHostname,
  canonicalIpv6Hostname,
  canonicalOpaquePathname,
  canonicalPassword,
  canonicalPathname,
  canonicalPort,
  canonicalSearch,
  canonicalUsername,
  SPECIAL_PORTS,
} from "./canonicalize.ts";
import {
  type Component,
  compileComponent,
  compileProtocol,
  matchesSpecialScheme,
  PLAIN,
} from "./component.ts";
import { parseConstructorString } from "./constructor-string.ts";
import {
  COMPONENTS,
  type ComponentName,
  componentsOf,
  type PatternInit,
  processInit,
  toPatternInit,
} from "./init.ts";

const HOSTNAME = { delimiter: ".", prefix: "" };
const PATHNAME = { delimiter: "/", prefix: "/" };

export type Components = Record<ComponentName, Component>;
type ComponentResult = { input: string; groups: Record<string, string | undefined> };
export type Result = { inputs: (string | PatternInit)[] } & Record<ComponentName, ComponentResult>;

/** Two overloads: (input, base URL, options) and (input, options). */
export function compilePattern(input: unknown, rest: readonly unknown[]): Components {
  const [second, third] = rest;
  const hasBase = rest.length > 1 || (second !== undefined && second !== null && !isDictionary(second));
  const pattern = toInput(input);
  const base = hasBase ? toUSVString(second, "The base URL") : undefined;
  const options = toDictionary(hasBase ? third : second, "The options");
  return compile(initOf(pattern, base), Boolean(options.ignoreCase));
}

export function hasRegExpGroups(components: Components): boolean {
  return COMPONENTS.some((name) => components[name].hasRegexpGroups);
}

function isDictionary(value: unknown): boolean {
  return typeof value === "object" || typeof value === "function";
}

function toInput(value: unknown): string | PatternInit {
  return value === null || value === undefined || isDictionary(value)
    ? toPatternInit(value)
    : toUSVString(value);
}

function initOf(pattern: string | PatternInit, base: string | undefined): PatternInit {
  if (typeof pattern !== "string") {
    if (base !== undefined) throw new TypeError("A base URL beside a dictionary goes into the dictionary");
    return pattern;
  }
  const init = parseConstructorString(pattern);
  if (base !== undefined) return { ...init, baseURL: base };
  if (init.protocol === undefined)
    throw new TypeError(`The pattern ${JSON.stringify(pattern)} is relative and there is no base URL`);
  return init;
}

function compile(init: PatternInit, ignoreCase: boolean): Components {
  const given = processInit(init, true);
  if (given.port !== undefined && given.port === SPECIAL_PORTS[given.protocol ?? ""]) given.port = "";
  const patternFor = (name: ComponentName) => given[name] ?? "*";
  const protocol = compileProtocol(patternFor("protocol"));
  const hostname = patternFor("hostname");
  const isAddress = /^(?:\[|\{\[|\\\[)/.test(hostname) && hostname.length > 1;
  return {
    protocol,
    username: compileComponent(patternFor("username"), canonicalUsername, PLAIN),
    password: compileComponent(patternFor("password"), canonicalPassword, PLAIN),
    hostname: compileComponent(hostname, isAddress ? canonicalIpv6Hostname : canonicalHostname, HOSTNAME),
    port: compileComponent(patternFor("port"), (text) => canonicalPort(text), PLAIN),
    pathname: matchesSpecialScheme(protocol)
      ? compileComponent(patternFor("pathname"), canonicalPathname, PATHNAME, ignoreCase)
      : compileComponent(patternFor("pathname"), canonicalOpaquePathname, PLAIN, ignoreCase),
    search: compileComponent(patternFor("search"), canonicalSearch, PLAIN, ignoreCase),
    hash: compileComponent(patternFor("hash"), canonicalHash, PLAIN, ignoreCase),
  };
}

/** Null for a value that does not match, and for an invalid URL. */
export function matchPattern(components: Components, value: unknown, baseValue: unknown): Result | null {
  const input = toInput(value);
  const base = baseValue === undefined ? undefined : toUSVString(baseValue, "The base URL");
  const texts = typeof input === "string" ? textsOfUrl(input, base) : textsOfInit(input, base);
  if (texts === undefined) return null;
  const result = { inputs: base === undefined ? [input] : [input, base] } as Result;
  for (const name of COMPONENTS) {
    const { regexp, groupNames } = components[name];
    const matched = regexp.exec(texts[name]);
    if (matched === null) return null;
    const groups = Object.fromEntries(groupNames.map((group, i) => [group, matched[i + 1]]));
    result[name] = { input: texts[name], groups };
  }
  return result;
}

function textsOfUrl(input: string, base: string | undefined): Record<ComponentName, string> | undefined {
  const baseURL = base === undefined ? undefined : basicURLParse(base);
  if (baseURL === null) return undefined;
  const url = basicURLParse(input, { baseURL });
  return url === null ? undefined : componentsOf(url);
}

function textsOfInit(init: PatternInit, base: string | undefined): Record<ComponentName, string> | undefined {
  if (base !== undefined) throw new TypeError("A base URL beside a dictionary goes into the dictionary");
  try {
    return processInit(init, false) as Record<ComponentName, string>;
  } catch {
    return undefined;
  }
}

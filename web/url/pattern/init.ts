/** The components of a pattern, or of a value that is matched (URL Pattern standard, "URLPatternInit"). */

import { toDictionary, toUSVString } from "../../webidl/webidl.ts";
import { basicURLParse, serializeHost, serializePath, type URLRecord } from "../url.ts";
import {
  canonicalHash,
  canonicalHostname,
  canonicalOpaquePathname,
  canonicalPassword,
  canonicalPathname,
  canonicalPort,
  canonicalProtocol,
  canonicalSearch,
  canonicalUsername,
  isSpecialScheme,
} from "./canonicalize.ts";
import { escapePattern } from "./parts.ts";

/** The components in their order within a URL. */
export const COMPONENTS = [
  "protocol",
  "username",
  "password",
  "hostname",
  "port",
  "pathname",
  "search",
  "hash",
] as const;
export type ComponentName = (typeof COMPONENTS)[number];

export type PatternInit = { [name in ComponentName | "baseURL"]?: string };

/** Converts the dictionary by Web IDL: its members by name. */
export function toPatternInit(value: unknown): PatternInit {
  const dictionary = toDictionary(value, "The pattern");
  const init: PatternInit = {};
  for (const name of (["baseURL", ...COMPONENTS] as const).toSorted()) {
    const member = dictionary[name];
    if (member !== undefined) init[name] = toUSVString(member, name);
  }
  return init;
}

/** The components that are inherited from the base URL. Each is inherited only if none of the listed components is given. */
const INHERITED_WITHOUT: readonly [ComponentName, readonly ComponentName[]][] = [
  ["protocol", ["protocol"]],
  ["username", ["protocol", "hostname", "port", "username"]],
  ["password", ["protocol", "hostname", "port", "username", "password"]],
  ["hostname", ["protocol", "hostname"]],
  ["port", ["protocol", "hostname", "port"]],
  ["pathname", ["protocol", "hostname", "port", "pathname"]],
  ["search", ["protocol", "hostname", "port", "pathname", "search"]],
  ["hash", ["protocol", "hostname", "port", "pathname", "search", "hash"]],
];

/**
 * Completes an init from its base URL. The texts of a pattern stay unchanged until they are compiled. The texts of a URL are
 * canonicalised, and missing ones are empty. Throws a TypeError for invalid texts.
 */
export function processInit(init: PatternInit, isPattern: boolean): PatternInit {
  const result: PatternInit = {};
  if (!isPattern) for (const name of COMPONENTS) result[name] = "";
  const asText = (text: string) => (isPattern ? escapePattern(text) : text);
  let base: URLRecord | null = null;
  if (init.baseURL !== undefined) {
    base = basicURLParse(init.baseURL);
    if (base === null) throw new TypeError(`${JSON.stringify(init.baseURL)} is not a URL`);
    const components = componentsOf(base);
    for (const [name, others] of INHERITED_WITHOUT) {
      // A pattern does not inherit the credentials of the base.
      if (isPattern && (name === "username" || name === "password")) continue;
      if (others.every((other) => init[other] === undefined)) result[name] = asText(components[name]);
    }
  }
  const encode = (canonical: (text: string) => string, text: string) => (isPattern ? text : canonical(text));
  if (init.protocol !== undefined)
    result.protocol = encode(canonicalProtocol, init.protocol.replace(/:$/, ""));
  if (init.username !== undefined) result.username = encode(canonicalUsername, init.username);
  if (init.password !== undefined) result.password = encode(canonicalPassword, init.password);
  if (init.hostname !== undefined) result.hostname = encode(canonicalHostname, init.hostname);
  const scheme = result.protocol ?? "";
  if (init.port !== undefined) result.port = encode((port) => canonicalPort(port, scheme), init.port);
  if (init.pathname !== undefined) {
    let path = init.pathname;
    if (base !== null && typeof base.path !== "string" && !isAbsolute(path, isPattern)) {
      const basePath = asText(serializePath(base));
      path = basePath.slice(0, basePath.lastIndexOf("/") + 1) + path;
    }
    const isStandard = scheme === "" || isSpecialScheme(scheme);
    result.pathname = encode(isStandard ? canonicalPathname : canonicalOpaquePathname, path);
  }
  if (init.search !== undefined) result.search = encode(canonicalSearch, init.search.replace(/^\?/, ""));
  if (init.hash !== undefined) result.hash = encode(canonicalHash, init.hash.replace(/^#/, ""));
  return result;
}

export function componentsOf(url: URLRecord): Record<ComponentName, string> {
  return {
    protocol: url.scheme,
    username: url.username,
    password: url.password,
    hostname: url.host === null ? "" : serializeHost(url.host),
    port: url.port === null ? "" : String(url.port),
    pathname: serializePath(url),
    search: url.query ?? "",
    hash: url.fragment ?? "",
  };
}

function isAbsolute(path: string, isPattern: boolean): boolean {
  return path.startsWith("/") || (isPattern && (path.startsWith("\\/") || path.startsWith("{/")));
}

/** The text of each component in the form of the URL parser (URL Pattern standard, "Canonicalization"). */
import {
  basicURLParse,
  serializeHost,
  serializePath,
  setThePassword,
  setTheUsername,
  type URLRecord,
} from "../url.ts";

export const SPECIAL_PORTS: Readonly<Record<string, string>> = {
  ftp: "21",
  file: "",
  http: "80",
  https: "443",
  ws: "80",
  wss: "443",
};

export function isSpecialScheme(scheme: string): boolean {
  return Object.hasOwn(SPECIAL_PORTS, scheme);
}

export function canonicalProtocol(value: string): string {
  if (value === "") return "";
  const url = basicURLParse(`${value}://dummy.invalid/`);
  if (url === null) throw invalid("protocol", value);
  return url.scheme;
}

export function canonicalUsername(value: string): string {
  const url = dummy();
  setTheUsername(url, value);
  return url.username;
}

export function canonicalPassword(value: string): string {
  const url = dummy();
  setThePassword(url, value);
  return url.password;
}

export function canonicalHostname(value: string): string {
  if (value === "") return "";
  const { host } = parseInto(dummy(), value, "hostname", "hostname");
  return host === null ? "" : serializeHost(host);
}

/** An address in brackets may be divided over several parts, so only its characters are checked. */
export function canonicalIpv6Hostname(value: string): string {
  if (!/^[0-9a-f[\]:]*$/i.test(value)) throw invalid("hostname", value);
  return value.toLowerCase();
}

/** A scheme's default port becomes empty. */
export function canonicalPort(value: string, scheme = ""): string {
  if (value === "") return "";
  const url = dummy();
  url.scheme = scheme;
  const { port } = parseInto(url, value, "port", "port");
  return port === null ? "" : String(port);
}

export function canonicalPathname(value: string): string {
  if (value === "") return "";
  // Without a slash in front, as in the middle of a pattern, dots at the start are not a segment.
  const isAbsolute = value.startsWith("/");
  const url = dummy();
  url.path = [];
  const path = serializePath(parseInto(url, isAbsolute ? value : `/-${value}`, "path start", "pathname"));
  return isAbsolute ? path : path.slice(2);
}

export function canonicalOpaquePathname(value: string): string {
  if (value === "") return "";
  const url = dummy();
  url.path = "";
  return serializePath(parseInto(url, value, "opaque path", "pathname"));
}

export function canonicalSearch(value: string): string {
  if (value === "") return "";
  const url = dummy();
  url.query = "";
  return parseInto(url, value, "query", "search").query ?? "";
}

export function canonicalHash(value: string): string {
  if (value === "") return "";
  const url = dummy();
  url.fragment = "";
  return parseInto(url, value, "fragment", "hash").fragment ?? "";
}

function parseInto(
  url: URLRecord,
  value: string,
  stateOverride: "hostname" | "port" | "path start" | "opaque path" | "query" | "fragment",
  component: string,
): URLRecord {
  if (basicURLParse(value, { url, stateOverride }) === null) throw invalid(component, value);
  return url;
}

/** A new record of `https://dummy.invalid/` for each value. */
function dummy(): URLRecord {
  return {
    scheme: "https",
    username: "",
    password: "",
    host: "dummy.invalid",
    port: null,
    path: [""],
    query: null,
    fragment: null,
  };
}

function invalid(component: string, value: string): TypeError {
  return new TypeError(`${JSON.stringify(value)} cannot be in the ${component} of a URL`);
}

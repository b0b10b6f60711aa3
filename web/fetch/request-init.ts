import { type AbortSignal, isAbortSignal } from "../dom/abort.ts";
import { basicURLParse, serializeURL } from "../url/url.ts";
import { toByteString, toDictionary, toDOMString, toEnum, toUSVString } from "../webidl/webidl.ts";
import type { BodyInit } from "./body-init.ts";
import { Headers, type HeadersInit } from "./headers.ts";

const CACHES = ["default", "no-store", "reload", "no-cache", "force-cache", "only-if-cached"] as const;
const CREDENTIALS = ["omit", "same-origin", "include"] as const;
const MODES = ["navigate", "same-origin", "no-cors", "cors"] as const;
const REDIRECTS = ["follow", "error", "manual"] as const;
const REFERRER_POLICIES = [
  "",
  "no-referrer",
  "no-referrer-when-downgrade",
  "same-origin",
  "origin",
  "strict-origin",
  "origin-when-cross-origin",
  "strict-origin-when-cross-origin",
  "unsafe-url",
] as const;

export interface RequestInit {
  body?: BodyInit | null;
  cache?: (typeof CACHES)[number];
  credentials?: (typeof CREDENTIALS)[number];
  duplex?: "half";
  headers?: HeadersInit;
  integrity?: string;
  keepalive?: boolean;
  method?: string;
  mode?: (typeof MODES)[number];
  priority?: "high" | "low" | "auto";
  redirect?: (typeof REDIRECTS)[number];
  referrer?: string;
  referrerPolicy?: (typeof REFERRER_POLICIES)[number];
  signal?: AbortSignal | null;
  window?: null;
}

/** The settings of a request besides method, URL, headers and body. */
export interface RequestSettings {
  readonly cache: (typeof CACHES)[number];
  readonly credentials: (typeof CREDENTIALS)[number];
  readonly integrity: string;
  readonly keepalive: boolean;
  readonly mode: (typeof MODES)[number];
  readonly redirect: (typeof REDIRECTS)[number];
  /** A URL, `about:client`, or an empty string for "no-referrer". */
  readonly referrer: string;
  readonly referrerPolicy: (typeof REFERRER_POLICIES)[number];
}

export const DEFAULT_SETTINGS: RequestSettings = {
  cache: "default",
  credentials: "same-origin",
  integrity: "",
  keepalive: false,
  mode: "cors",
  redirect: "follow",
  referrer: "about:client",
  referrerPolicy: "",
};

const SETTINGS = Object.keys(DEFAULT_SETTINGS) as (keyof RequestSettings)[];

/** The given members of an init, converted. */
export interface ConvertedInit {
  readonly isEmpty: boolean;
  readonly body: unknown;
  readonly isHalfDuplex: boolean;
  readonly headers: Headers | undefined;
  readonly method: string | undefined;
  /** Null: the request follows no signal. */
  readonly signal: AbortSignal | null | undefined;
  readonly settings: Partial<RequestSettings>;
}

/** Reads a dictionary. Its members are read in lexicographical order. */
export function convertInit(init: unknown): ConvertedInit {
  const bag = toDictionary(init, "Request: the init");
  let isEmpty = true;
  const member = <T>(
    name: keyof RequestInit,
    convert: (value: unknown, context: string) => T,
  ): T | undefined => {
    const value = bag[name];
    if (value === undefined) return undefined;
    isEmpty = false;
    return convert(value, `Request: ${name}`);
  };
  const oneOf =
    <T extends string>(allowed: readonly T[]) =>
    (value: unknown, context: string): T =>
      toEnum(value, allowed, context);

  const body = member("body", (value) => value);
  const cache = member("cache", oneOf(CACHES));
  const credentials = member("credentials", oneOf(CREDENTIALS));
  const duplex = member("duplex", oneOf(["half"]));
  const headers = member("headers", (value) => new Headers(value as HeadersInit));
  const integrity = member("integrity", toDOMString);
  const keepalive = member("keepalive", Boolean);
  const method = member("method", toByteString);
  const mode = member("mode", oneOf(MODES));
  member("priority", oneOf(["high", "low", "auto"]));
  const redirect = member("redirect", oneOf(REDIRECTS));
  const referrer = member("referrer", toUSVString);
  const referrerPolicy = member("referrerPolicy", oneOf(REFERRER_POLICIES));
  const signal = member("signal", toSignal);
  const window = member("window", (value) => value);

  if (window !== undefined && window !== null) throw new TypeError("Request: window can only be null.");
  if (mode === "navigate") throw new TypeError('Request: the mode cannot be "navigate".');
  const given = {
    cache,
    credentials,
    integrity,
    keepalive,
    mode,
    redirect,
    referrer: referrer === undefined ? undefined : normalReferrer(referrer),
    referrerPolicy,
  };
  const settings = withoutUndefined(given);
  return { isEmpty, body, isHalfDuplex: duplex !== undefined, headers, method, signal, settings };
}

/** Most inits have no setting. */
function withoutUndefined(given: { [Key in keyof RequestSettings]: RequestSettings[Key] | undefined }) {
  const found: Record<string, unknown> = {};
  for (const name of SETTINGS) if (given[name] !== undefined) found[name] = given[name];
  return found as Partial<RequestSettings>;
}

function toSignal(value: unknown): AbortSignal | null {
  if (value === null || isAbortSignal(value)) return value;
  throw new TypeError("Request: signal is not an AbortSignal.");
}

function normalReferrer(referrer: string): string {
  if (referrer === "") return "";
  const url = basicURLParse(referrer);
  if (url === null) throw new TypeError(`Request: the referrer ${JSON.stringify(referrer)} is not a URL.`);
  return url.scheme === "about" && url.path === "client" ? "about:client" : serializeURL(url);
}

const NORMALISED = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]);
const FORBIDDEN = new Set(["CONNECT", "TRACE", "TRACK"]);
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export function normalMethod(method: string): string {
  const upper = method.toUpperCase();
  if (!TOKEN.test(method) || FORBIDDEN.has(upper))
    throw new TypeError(`Request: ${JSON.stringify(method)} is not a method that can be sent.`);
  return NORMALISED.has(upper) ? upper : method;
}

/** The URL that was parsed last, in its own form: most are parsed again. */
let lastUrl = "";

/** A relative URL is refused: there is no page as its base. */
export function parseRequestUrl(text: string): string {
  if (text === lastUrl && text !== "") return text;
  const url = basicURLParse(text);
  if (url === null) throw new TypeError(`Request: ${JSON.stringify(text)} is not an absolute URL.`);
  if (url.username !== "" || url.password !== "")
    throw new TypeError("Request: a URL cannot carry a user name or password.");
  lastUrl = serializeURL(url);
  return lastUrl;
}

/** Readers of values. Each throws USAGE, which names the source of a wrong value: `--http`, `NARUN_SANDBOX`. */
import {
  METADATA_ADDRESSES,
  NarunError,
  nearest,
  parseEgressRule,
  parseNetwork,
} from "../../contracts/index.ts";
import type { GivenText, Source } from "./option.ts";

export interface Address {
  host: string;
  port: number;
}

/** `host:port`; port 0 picks a free one. */
export function parseAddress(given: GivenText): Address {
  const match = /^(.*):(\d{1,5})$/.exec(given.text);
  const host = (match?.[1] ?? "").replace(/^\[(.*)\]$/, "$1");
  const port = Number(match?.[2]);
  if (match === null || host === "" || port > 65_535) throw wrongValue(given, "HOST:PORT");
  return { host, port };
}

/** A port; 0 picks a free one. */
export function parsePort(given: GivenText): number {
  const port = /^\d{1,5}$/.test(given.text) ? Number(given.text) : Number.NaN;
  if (port <= 65_535) return port;
  throw wrongValue(given, "a number up to 65535");
}

/** The address of an HTTP server. */
export function parseHttpUrl(given: GivenText): URL {
  const url = URL.parse(given.text);
  if (url?.protocol === "http:" && url.host !== "") return url;
  throw wrongValue(given, "an address such as http://127.0.0.1:2019");
}

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Upper bound of a duration, in days: a century. Dates that are counted from longer ones have no form in ISO 8601. */
const MAX_DAYS = 36_500;

/** A duration in milliseconds: `500ms`, `30s`, `10m`, `2h`, `7d`. */
export function parseDuration(given: GivenText): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(given.text);
  if (match === null) throw wrongValue(given, "a duration like 30s, 10m or 2h");
  const durationMs = Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? 0);
  if (durationMs <= MAX_DAYS * 86_400_000) return durationMs;
  throw wrongValue(given, `a duration of at most ${MAX_DAYS}d`);
}

/** How long something is valid, in milliseconds: from a second on. */
export function parseLife(given: GivenText): number {
  const lifeMs = parseDuration(given);
  if (lifeMs >= 1_000) return lifeMs;
  throw wrongValue(given, "a duration of at least 1s");
}

/** Upper bound of a timer of Node. A longer one fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The bound of a wait, in milliseconds, at most 24 days. */
export function parseWait(given: GivenText): number {
  return Math.min(MAX_TIMER_MS, parseDuration(given));
}

/** A moment: how long ago (`10m`), or a time in ISO 8601. */
export function parseMoment(given: GivenText): Date {
  if (/^\d{4}-/.test(given.text)) {
    const moment = new Date(given.text);
    if (!Number.isNaN(moment.getTime())) return moment;
  } else if (/^\d+(?:\.\d+)?[a-z]+$/.test(given.text)) {
    return new Date(Date.now() - parseDuration(given));
  }
  throw wrongValue(given, "a duration like 30s, 10m or 2h, or a time like 2026-01-31T12:00:00Z");
}

/** `key=value` pairs. */
export function parsePairs(pairs: readonly string[], source: Source): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [key = "", ...value] = pair.split("=");
      if (key !== "" && value.length > 0) return [key, value.join("=")];
      throw wrongValue({ text: pair, source }, "KEY=VALUE");
    }),
  );
}

/** A reader of one word out of a list; a wrong one is answered with the nearest. */
export function oneOf<Word extends string>(words: readonly Word[]): (given: GivenText) => Word {
  return (given) => {
    const word = words.find((one) => one === given.text);
    if (word !== undefined) return word;
    const meant = nearest(given.text, words);
    const advice = meant === undefined ? "" : `; did you mean "${meant}"?`;
    throw wrongValue(given, words.join(", "), advice);
  };
}

/**
 * A node's deny list: the given rules and the metadata services of clouds. The word `none` leaves the metadata services
 * out.
 */
export function parseEgressDeny(texts: readonly string[], source: Source): string[] {
  const rules = texts.filter((text) => text !== "" && text !== "none");
  for (const rule of rules) {
    const parsed = parseEgressRule(rule);
    if (typeof parsed === "string") throw wrongUse(`${source.name}: ${parsed}`);
  }
  return texts.includes("none") ? rules : [...METADATA_ADDRESSES, ...rules];
}

/** The networks of proxies that a gateway trusts, with commas between. */
export function parseNetworks({ text, source }: GivenText): string[] {
  const networks = text
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
  const wrong = networks.find((one) => parseNetwork(one) === undefined);
  if (wrong === undefined) return networks;
  throw wrongValue({ text: wrong, source }, "addresses and networks (10.0.0.0/8,::1)");
}

/** USAGE: the source takes something else. */
export function wrongValue({ text, source }: GivenText, taken: string, advice = ""): NarunError {
  return wrongUse(`${source.name} takes ${taken}, not ${JSON.stringify(text)}${advice}`);
}

export function wrongUse(detail: string): NarunError {
  return new NarunError("USAGE", { detail });
}

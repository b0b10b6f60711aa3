import { METADATA_ADDRESSES, NarunError, parseEgressRule, parseNetwork } from "../contracts/index.ts";

/** `host:port`; port 0 picks a free one. Error: USAGE, naming the option. */
export function parseAddress(text: string, option: string): { host: string; port: number } {
  const match = /^(.*):(\d{1,5})$/.exec(text);
  const host = (match?.[1] ?? "").replace(/^\[(.*)\]$/, "$1");
  const port = Number(match?.[2]);
  if (match === null || host === "" || port > 65_535) {
    throw new NarunError("USAGE", { detail: `${option} takes HOST:PORT, not ${JSON.stringify(text)}` });
  }
  return { host, port };
}

/** A port; 0 picks a free one. Error: USAGE, naming the option. */
export function parsePort(text: string, option: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new NarunError("USAGE", {
    detail: `${option} takes a number up to 65535, not ${JSON.stringify(text)}`,
  });
}

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration as people write it, in milliseconds: `500ms`, `30s`, `10m`, `2h`, `7d`. Error: USAGE, naming the option. */
export function parseDuration(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  if (match === null) {
    throw new NarunError("USAGE", {
      detail: `${option} takes a duration like 30s, 10m or 2h, not ${JSON.stringify(text)}`,
    });
  }
  return Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? 0);
}

/** `key=value` pairs. Error: USAGE, naming the option. */
export function parsePairs(pairs: readonly string[], option: string): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [key = "", ...value] = pair.split("=");
      if (key !== "" && value.length > 0) return [key, value.join("=")];
      throw new NarunError("USAGE", { detail: `${option} takes KEY=VALUE, not ${JSON.stringify(pair)}` });
    }),
  );
}

/** Every value of an option that may be given more than once. */
export function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value];
}

/**
 * A node's deny list: the rules that were given (option, else NARUN_EGRESS_DENY with commas between), and the metadata
 * services of clouds, which `none` leaves out. Error: USAGE, naming the wrong rule.
 */
export function resolveEgressDeny(
  given: readonly string[],
  environment: string | undefined = process.env.NARUN_EGRESS_DENY,
): string[] {
  const source = given.length > 0 ? "--egress-deny" : "NARUN_EGRESS_DENY";
  const texts = given.length > 0 ? given : (environment ?? "").split(",").map((text) => text.trim());
  const rules = texts.filter((text) => text !== "" && text !== "none");
  for (const rule of rules) {
    const parsed = parseEgressRule(rule);
    if (typeof parsed === "string") throw new NarunError("USAGE", { detail: `${source}: ${parsed}` });
  }
  return texts.includes("none") ? rules : [...METADATA_ADDRESSES, ...rules];
}

/**
 * The networks of proxies that a gateway trusts, with commas between: the option, else NARUN_TRUSTED_PROXIES. Undefined:
 * neither is there. Error: USAGE, naming which.
 */
export function resolveTrustedProxies(
  given: string | undefined,
  environment: string | undefined = process.env.NARUN_TRUSTED_PROXIES,
): string[] | undefined {
  const source = given === undefined ? "NARUN_TRUSTED_PROXIES" : "--trusted-proxies";
  const networks = (given ?? environment)?.split(",").map((text) => text.trim());
  const wrong = networks?.find((text) => text !== "" && parseNetwork(text) === undefined);
  if (wrong !== undefined) {
    throw new NarunError("USAGE", {
      detail: `${source} takes addresses and networks (10.0.0.0/8,::1), not ${JSON.stringify(wrong)}`,
    });
  }
  return networks?.filter((text) => text !== "");
}

import { z } from "zod";

/**
 * The grammar of egress rules. `egress` in narun.yaml allows a function addresses that are not public. A node's deny list
 * refuses addresses, also those in a function's `egress`.
 *
 *     db.internal            a name, as the URL has it      db.internal:5432       on one port
 *     *.example.com          every name below it            *.example.com:443
 *     127.0.0.1              an address                     127.0.0.1:8080
 *     10.0.0.0/8             a network (CIDR)               10.0.0.0/8:443
 *     fd00::1, fd00::/8      the same of IPv6               [fd00::1]:443, [fd00::/8]:443
 */
export type EgressRule = {
  /** As it was written. */
  text: string;
  /** Undefined: every port. */
  port: number | undefined;
} & (
  | { kind: "name"; name: string }
  /** Every name that ends in the suffix, which begins with a dot. */
  | { kind: "below"; suffix: string }
  | { kind: "network"; family: "ipv4" | "ipv6"; address: string; bits: number }
);

/**
 * The metadata services of clouds: AWS (also for containers), Azure, Alibaba, Google, Oracle. They hand
 * credentials of the machine to every client.
 */
export const METADATA_ADDRESSES: readonly string[] = [
  "169.254.169.254",
  "169.254.170.2",
  "169.254.170.23",
  "168.63.129.16",
  "100.100.100.200",
  "192.0.0.192",
  "fd00:ec2::254",
  "fd00:ec2::23",
  "fd20:ce::254",
  "metadata.google.internal",
];

const MAX_RULES = 100;
const MAX_RULE_LENGTH = 300;

const EgressRuleSchema = z
  .string()
  .max(MAX_RULE_LENGTH)
  .superRefine((text, context) => {
    const rule = parseEgressRule(text);
    if (typeof rule === "string") context.addIssue({ code: "custom", message: rule });
  });

export const EgressSchema = z.array(EgressRuleSchema).max(MAX_RULES);

/** Parses a rule. A string tells the fault. */
export function parseEgressRule(text: string): EgressRule | string {
  if (text.includes("://")) return `a rule has no scheme and no path: ${JSON.stringify(text)}`;
  const { host, portText } = splitPort(text);
  const port = portText === undefined ? undefined : Number(portText);
  if (port !== undefined && !(port >= 1 && port <= 65_535)) return `${portText} is no port: 1 to 65535`;
  const network = parseNetwork(host);
  if (network !== undefined) return { text, port, kind: "network", ...network };
  if (host.includes("/"))
    return `${JSON.stringify(host)} is no network: write it as 10.0.0.0/8 or fd00::/8, with a port as [fd00::/8]:443`;
  const isBelow = host.startsWith("*.");
  const name = canonicalName(isBelow ? host.slice(2) : host);
  if (name === undefined)
    return `${JSON.stringify(text)} is neither a host name nor *.name, an address or a network (10.0.0.0/8), with or without :port`;
  return isBelow ? { text, port, kind: "below", suffix: `.${name}` } : { text, port, kind: "name", name };
}

/** The port follows the last colon. The colons of a bare IPv6 address are no separators. */
function splitPort(text: string): { host: string; portText: string | undefined } {
  const bracketed = /^\[([^\]]*)\](?::(\d+))?$/.exec(text);
  if (bracketed !== null) return { host: bracketed[1] ?? "", portText: bracketed[2] };
  const plain = /^([^:]*):(\d+)$/.exec(text);
  return plain === null ? { host: text, portText: undefined } : { host: plain[1] ?? "", portText: plain[2] };
}

const isIpv4 = (text: string) => z.ipv4().safeParse(text).success;
const isIpv6 = (text: string) => z.ipv6().safeParse(text).success;
const isNetworkV4 = (text: string) => z.cidrv4().safeParse(text).success;
const isNetworkV6 = (text: string) => z.cidrv6().safeParse(text).success;

/** A network of IPv4 or IPv6. A single address is a network of one. */
export interface Network {
  family: "ipv4" | "ipv6";
  address: string;
  bits: number;
}

/** Reads an address or a network (CIDR); undefined: it is neither. */
export function parseNetwork(host: string): Network | undefined {
  const [address = "", bits] = host.split("/");
  if (isIpv4(host)) return { family: "ipv4", address, bits: 32 };
  if (isIpv6(host)) return { family: "ipv6", address, bits: 128 };
  if (isNetworkV4(host)) return { family: "ipv4", address, bits: Number(bits) };
  return isNetworkV6(host) ? { family: "ipv6", address, bits: Number(bits) } : undefined;
}

/** The name as URLs have it: lower-case, international names in ASCII. Undefined for an address in another notation. */
function canonicalName(text: string): string | undefined {
  if (!/^[^\s/?#@:[\]\\*%]+$/.test(text) || !URL.canParse(`http://${text}/`)) return undefined;
  const name = nameOfHost(new URL(`http://${text}/`).hostname);
  return isIpv4(name) || name === "" ? undefined : name;
}

/** The host of a URL as rules know it: `example.com.` is `example.com`. */
export function nameOfHost(hostname: string): string {
  return hostname.replace(/\.$/, "").toLowerCase();
}

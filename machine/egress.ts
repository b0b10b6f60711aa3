/**
 * Decides whether a function may connect: by the name and port of a URL, and by each address of the name, before a connection is
 * made to exactly that address.
 *
 * I1  The node's deny list wins over everything.
 * I2  An address that no rule names is reachable where it is public: in the global unicast space, and in no registry of
 *     special-purpose addresses (IANA, RFC 6890).
 * I3  An IPv6 address that stands for an IPv4 address (mapped, NAT64) is judged as the IPv4 address. Other IPv6 addresses that
 *     contain an IPv4 address (6to4, Teredo, compatible) are not public.
 */
import { BlockList, isIP } from "node:net";
import { type EgressRule, nameOfHost, parseEgressRule } from "../contracts/index.ts";

export interface EgressTarget {
  /** The host of the URL: a name, or an address as the URL parser writes it, without brackets. */
  host: string;
  port: number;
}

export interface Egress {
  /** The reason against a connection to this address of the target; undefined where the connection is allowed. */
  refusal(target: EgressTarget, address: string): string | undefined;
  /** The reason against a connection to the target's name; undefined where its addresses decide. */
  refusalOfName(target: EgressTarget): string | undefined;
}

export interface EgressOptions {
  /** Rules of the function's `egress`. */
  allow: readonly string[];
  /** Rules of the node. */
  deny: readonly string[];
}

export function createEgress({ allow, deny }: EgressOptions): Egress {
  const allowed = createMatcher(allow);
  const denied = createMatcher(deny);
  return {
    refusalOfName(target) {
      const rule = denied.name(target);
      return rule === undefined ? undefined : describeDenial(target.host, rule);
    },
    refusal(target, address) {
      const forms = formsOf(address);
      const where = target.host === address ? address : `${address} (${target.host})`;
      if (forms === undefined) return `${where} is no address`;
      const rule = denied.name(target) ?? denied.address(target, [...forms.judged, ...forms.contained]);
      if (rule !== undefined) return describeDenial(where, rule);
      if (allowed.name(target) !== undefined || allowed.address(target, forms.judged) !== undefined) return;
      const kind = kindOf(forms.judged);
      return kind && `${where} port ${target.port} is ${kind}; \`egress\` in narun.yaml could allow it`;
    },
  };
}

function describeDenial(where: string, rule: string): string {
  return `${where} is on the node's deny list (--egress-deny ${rule})`;
}

interface Address {
  address: string;
  family: "ipv4" | "ipv6";
}

interface Matcher {
  /** The rule that names the target. */
  name(target: EgressTarget): string | undefined;
  /** The rule that covers one of the addresses. */
  address(target: EgressTarget, addresses: readonly Address[]): string | undefined;
}

function createMatcher(texts: readonly string[]): Matcher {
  const rules = texts.map((text) => parseEgressRule(text)).filter((rule) => typeof rule !== "string");
  const networks = rules.flatMap((rule) =>
    rule.kind === "network" ? [{ rule, list: blockList([[rule.address, rule.bits, rule.family]]) }] : [],
  );
  const hasPort = (rule: EgressRule, { port }: EgressTarget) => rule.port === undefined || rule.port === port;
  return {
    name(target) {
      const name = nameOfHost(target.host);
      return rules.find(
        (rule) =>
          hasPort(rule, target) &&
          ((rule.kind === "name" && rule.name === name) ||
            (rule.kind === "below" && name.endsWith(rule.suffix))),
      )?.text;
    },
    address: (target, addresses) =>
      networks.find(
        ({ rule, list }) =>
          hasPort(rule, target) && addresses.some(({ address, family }) => list.check(address, family)),
      )?.rule.text,
  };
}

function blockList(networks: readonly (readonly [string, number, "ipv4" | "ipv6"])[]): BlockList {
  const list = new BlockList();
  for (const [address, bits, family] of networks) list.addSubnet(address, bits, family);
  return list;
}

const v4 = (...networks: [string, number][]) =>
  blockList(networks.map(([address, bits]) => [address, bits, "ipv4"]));
const v6 = (...networks: [string, number][]) =>
  blockList(networks.map(([address, bits]) => [address, bits, "ipv6"]));

/** Kinds of addresses that are not public, the narrower before the wider. */
const KINDS_V4: readonly [string, BlockList][] = [
  ["a loopback address", v4(["127.0.0.0", 8])],
  ["a private address", v4(["10.0.0.0", 8], ["172.16.0.0", 12], ["192.168.0.0", 16])],
  ["a link-local address", v4(["169.254.0.0", 16])],
  ["an address of a carrier's own network", v4(["100.64.0.0", 10])],
  ["a multicast address", v4(["224.0.0.0", 4])],
  ["a cloud's metadata address", v4(["168.63.129.16", 32])],
  [
    "a reserved address",
    v4(
      ["0.0.0.0", 8],
      ["192.0.0.0", 24],
      ["192.0.2.0", 24],
      ["192.88.99.0", 24],
      ["198.18.0.0", 15],
      ["198.51.100.0", 24],
      ["203.0.113.0", 24],
      ["240.0.0.0", 4],
    ),
  ],
];

const KINDS_V6: readonly [string, BlockList][] = [
  ["a loopback address", v6(["::1", 128])],
  ["a private address", v6(["fc00::", 7])],
  ["a link-local address", v6(["fe80::", 10], ["fec0::", 10])],
  ["a multicast address", v6(["ff00::", 8])],
  // IETF protocol assignments (Teredo, benchmarks, ORCHID), documentation, 6to4.
  ["a reserved address", v6(["2001::", 23], ["2001:db8::", 32], ["2002::", 16], ["3fff::", 20])],
];

const GLOBAL_UNICAST = v6(["2000::", 3]);

/** The kind of an address that is not public; undefined where the address is public. */
function kindOf(judged: readonly Address[]): string | undefined {
  for (const { address, family } of judged) {
    const kinds = family === "ipv4" ? KINDS_V4 : KINDS_V6;
    const kind = kinds.find(([, list]) => list.check(address, family))?.[0];
    if (kind !== undefined) return kind;
  }
  const isPublic = judged.some(
    ({ address, family }) => family === "ipv4" || GLOBAL_UNICAST.check(address, family),
  );
  return isPublic ? undefined : "a reserved address";
}

const MAPPED = v6(["::ffff:0:0", 96]);
const NAT64 = v6(["64:ff9b::", 96]);

/**
 * The forms of an address by which it is judged, and the IPv4 addresses that it contains (a node's deny list applies to them,
 * too). Undefined where the text is no address.
 */
function formsOf(text: string): { judged: Address[]; contained: Address[] } | undefined {
  // A zone names the interface, and does not change the address.
  const address = text.replace(/%.*$/, "");
  const family = isIP(address);
  if (family === 0) return undefined;
  if (family === 4) return { judged: [{ address, family: "ipv4" }], contained: [] };
  const own: Address = { address, family: "ipv6" };
  const groups = groupsOf(address);
  const last = ipv4Of(groups[6], groups[7]);
  if (MAPPED.check(address, "ipv6")) return { judged: [last], contained: [] };
  // The IPv4 address is the destination; the IPv6 address is a name for it in the local network.
  if (NAT64.check(address, "ipv6")) return { judged: [last], contained: [own] };
  const teredoClient = ipv4Of(~(groups[6] ?? 0) & 0xffff, ~(groups[7] ?? 0) & 0xffff);
  const contained =
    groups[0] === 0x2002
      ? [ipv4Of(groups[1], groups[2])]
      : groups[0] === 0x2001 && groups[1] === 0
        ? [ipv4Of(groups[2], groups[3]), teredoClient]
        : groups[0] === 0 || groups[0] === 0x64
          ? [last]
          : [];
  return { judged: [own], contained };
}

/** The eight groups of an IPv6 address. The URL parser brings each address into one notation first. */
function groupsOf(address: string): number[] {
  const text = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = "", tail] = text.split("::");
  const parse = (part: string) =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const [first, rest] = [parse(head), parse(tail ?? "")];
  return [...first, ...new Array<number>(8 - first.length - rest.length).fill(0), ...rest];
}

function ipv4Of(high = 0, low = 0): Address {
  return { address: `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`, family: "ipv4" };
}

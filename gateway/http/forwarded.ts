/**
 * The client, and the scheme and host that it asked for, behind proxies.
 *
 * I1  A field counts only as far as trusted proxies wrote it: in a chain of proxies each trusted proxy vouches for the one
 *     before it.
 * I2  A proxy that knows only one form passes on a client's field of the other form. All proxies set `X-Forwarded-*`: beside
 *     one of these `Forwarded` (RFC 7239) does not count.
 */
import { BlockList, isIP } from "node:net";
import { type FieldList, fieldName, NarunError, parseNetwork } from "../../contracts/index.ts";

/** Whether an address is that of a trusted proxy. */
export type IsTrusted = (address: string) => boolean;

export interface Client {
  address: string;
  scheme: "http" | "https";
  /** Undefined: the `Host` field counts. */
  host: string | undefined;
}

/** The fields of proxies about their clients, in lower case. */
const FORWARDED_FIELDS: ReadonlySet<string> = new Set([
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
]);

/** The values of these fields, by lower-case name. Values of one name have commas between. */
type ForwardedFields = ReadonlyMap<string, string>;

/** Trusts the proxies in these addresses and networks (CIDR). Error: USAGE. */
export function trustIn(networks: readonly string[]): IsTrusted {
  if (networks.length === 0) return () => false;
  const list = new BlockList();
  for (const text of networks) {
    const network = parseNetwork(text);
    if (network === undefined)
      throw new NarunError("USAGE", {
        detail: `${JSON.stringify(text)} is no address or network (10.0.0.0/8)`,
      });
    list.addSubnet(network.address, network.bits, network.family);
  }
  return (address) => list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/** `peer`: the address at the other end of the connection. `rawHeaders`: its request's fields. */
export function clientOf(peer: string, rawHeaders: FieldList, isTrusted: IsTrusted): Client {
  const client: Client = { address: peer, scheme: "http", host: undefined };
  if (!isTrusted(peer)) return client;
  const fields = forwardedIn(rawHeaders);
  if (fields === undefined) return client;
  for (const hop of hopsOf(fields).reverse()) {
    client.scheme = hop.scheme ?? client.scheme;
    client.host = hop.host ?? client.host;
    if (hop.address === undefined) break;
    client.address = hop.address;
    if (!isTrusted(hop.address)) break;
  }
  return client;
}

/** The fields of the proxies; undefined where there are none. */
function forwardedIn(rawHeaders: FieldList): ForwardedFields | undefined {
  let fields: Map<string, string> | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const { lower } = fieldName(rawHeaders[at] ?? "");
    if (!FORWARDED_FIELDS.has(lower)) continue;
    fields ??= new Map();
    const value = rawHeaders[at + 1] ?? "";
    const before = fields.get(lower);
    fields.set(lower, before === undefined ? value : `${before},${value}`);
  }
  return fields;
}

/** The facts from one proxy about its client; undefined where it tells nothing usable. */
interface Hop {
  address: string | undefined;
  scheme: "http" | "https" | undefined;
  host: string | undefined;
}

/** The hops in the order of their fields: the nearest proxy is the last. */
function hopsOf(fields: ForwardedFields): Hop[] {
  const [addresses, scheme, host] = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"].map((name) =>
    fields.get(name)?.split(","),
  );
  if (addresses === undefined && scheme === undefined && host === undefined)
    return splitUnquoted(fields.get("forwarded") ?? "", ",").map(hopOf);
  const hops = (addresses ?? [""]).map((text) => ({ ...NOTHING, address: addressOf(text) }));
  const last = { address: hops.pop()?.address, scheme: schemeOf(scheme?.at(-1)), host: hostOf(host?.at(-1)) };
  return [...hops, last];
}

const NOTHING: Hop = { address: undefined, scheme: undefined, host: undefined };

/** An element of `Forwarded`: `for=192.0.2.1;proto=https`. */
function hopOf(element: string): Hop {
  const pairs = splitUnquoted(element, ";").map((pair): [string, string] => {
    const [name = "", ...value] = pair.split("=");
    return [name.trim().toLowerCase(), unquote(value.join("=").trim())];
  });
  const said = new Map(pairs);
  return {
    address: addressOf(said.get("for") ?? ""),
    scheme: schemeOf(said.get("proto")),
    host: hostOf(said.get("host")),
  };
}

function splitUnquoted(text: string, separator: string): string[] {
  const parts = [""];
  let isQuoted = false;
  for (let index = 0; index < text.length; index++) {
    const character = text[index] ?? "";
    if (character === '"') isQuoted = !isQuoted;
    if (character === separator && !isQuoted) parts.push("");
    else parts[parts.length - 1] += character;
    // The next character stands for itself.
    if (isQuoted && character === "\\") parts[parts.length - 1] += text[++index] ?? "";
  }
  return parts;
}

function unquote(value: string): string {
  return /^".*"$/.test(value) ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value;
}

/** `192.0.2.1`, `2001:db8::1`, both also with a port: `192.0.2.1:80`, `[2001:db8::1]:80`. */
function addressOf(text: string): string | undefined {
  const trimmed = text.trim();
  const address =
    /^\[([^\]]*)\](?::\d+)?$/.exec(trimmed)?.[1] ?? /^([\d.]+):\d+$/.exec(trimmed)?.[1] ?? trimmed;
  return isIP(address) !== 0 && !address.includes("%") ? address : undefined;
}

const SCHEMES: Readonly<Record<string, Hop["scheme"]>> = {
  http: "http",
  https: "https",
  // The scheme of WebSockets with some proxies.
  ws: "http",
  wss: "https",
};

function schemeOf(text: string | undefined): Hop["scheme"] {
  const name = text?.trim().toLowerCase() ?? "";
  return Object.hasOwn(SCHEMES, name) ? SCHEMES[name] : undefined;
}

function hostOf(text: string | undefined): string | undefined {
  const host = text?.trim() ?? "";
  return /^[\w.:[\]-]{1,300}$/.test(host) ? host : undefined;
}

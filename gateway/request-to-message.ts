import {
  canonicalHeaderName,
  headerNames,
  isAsciiValue,
  isHopByHopHeader,
  isReservedHeader,
  toWireValue,
} from "../contracts/index.ts";
import { appendHeader, type Headers } from "../nats/index.ts";
import { clientOf, FORWARDED_FIELDS, type IsTrusted } from "./http/forwarded.ts";
import { decodePath, type RequestTarget } from "./http/request-path.ts";

/** An HTTP request, as the header mode of the wire needs it. */
export interface RequestFacts {
  method: string;
  target: RequestTarget;
  /** Empty: the client names none. */
  host: string;
  /** Names and values alternating, as Node hands them over: one character a byte. */
  rawHeaders: readonly string[];
  remoteAddress: string;
  remotePort: number;
  isTrusted: IsTrusted;
  requestId: string;
  /** How long its answer is waited for. */
  timeoutMs: number;
}

/** The headers of the NATS message that carries a request (header mode; see `docs/wire.md`). */
export function toMessageHeaders(facts: RequestFacts): Headers {
  const headers: Headers = new Map();
  const forwarded = copyClientHeaders(headers, facts.rawHeaders);
  const { remoteAddress, remotePort, target } = facts;
  const address = remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress;

  const client = clientOf(remoteAddress, forwarded, facts.isTrusted);
  const host = client.host ?? facts.host;

  headers.set("X-Forwarded-For", [client.address]);
  headers.set("X-Forwarded-Proto", [client.scheme]);
  if (host !== "") headers.set("X-Forwarded-Host", [host]);
  headers.set(headerNames.method, [facts.method]);
  headers.set(headerNames.path, [decodePath(target.rawPath)]);
  headers.set(headerNames.query, [target.query]);
  if (host !== "") headers.set(headerNames.host, [host]);
  headers.set(headerNames.remoteAddress, [`${address}:${remotePort}`]);
  headers.set(headerNames.rawPath, [target.rawPath]);
  headers.set(headerNames.requestId, [facts.requestId]);
  headers.set(headerNames.deadline, [String(Date.now() + facts.timeoutMs)]);
  encodeValues(headers);
  return headers;
}

/** Copies what travels; returns what proxies on the way say of the request, by the names of their fields. */
function copyClientHeaders(headers: Headers, rawHeaders: readonly string[]): Map<string, string> {
  const forwarded = new Map<string, string>();
  let connection = "";
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const { canonical, fate } = classify(rawHeaders[index] ?? "");
    const value = rawHeaders[index + 1] ?? "";
    if (fate === "travels") appendHeader(headers, canonical, value);
    else if (fate === "connection") connection += `,${value}`;
    else if (fate === "forwarded") {
      const before = forwarded.get(canonical);
      forwarded.set(canonical, before === undefined ? value : `${before},${value}`);
    }
  }
  // Parts of one list, which no comma parts (RFC 9113, section 8.2.3).
  const cookies = headers.get("Cookie");
  if (cookies !== undefined && cookies.length > 1) headers.set("Cookie", [cookies.join("; ")]);
  // The usual values name no other field: `keep-alive`, `close`.
  if (connection !== "") {
    for (const name of connection.split(",")) headers.delete(canonicalHeaderName(name.trim()));
  }
  return forwarded;
}

type Fate = "travels" | "dropped" | "connection" | "forwarded";

/** The gateway sets the host, and has answered `Expect` itself. */
const ANSWERED_HERE = new Set(["host", "expect"]);

function fateOf(lower: string): Fate {
  if (lower === "connection") return "connection";
  if (FORWARDED_FIELDS.has(lower)) return "forwarded";
  const isDropped = isHopByHopHeader(lower) || isReservedHeader(lower) || ANSWERED_HERE.has(lower);
  return isDropped ? "dropped" : "travels";
}

interface FieldClass {
  canonical: string;
  fate: Fate;
}

// A cache, not state: names repeat with every request. Bounded, as clients choose the names.
const MAX_CACHED_NAMES = 1_000;
const classes = new Map<string, FieldClass>();

function classify(name: string): FieldClass {
  const known = classes.get(name);
  if (known !== undefined) return known;
  const found = { canonical: canonicalHeaderName(name), fate: fateOf(name.toLowerCase()) };
  if (classes.size < MAX_CACHED_NAMES) classes.set(name, found);
  return found;
}

/** Turns bytes into text, in place. A field is read as ISO-8859-1 as a whole, as `Narun-Latin1` names fields and not values. */
function encodeValues(headers: Headers): void {
  let latin1Names: string[] | undefined;
  for (const [name, values] of headers) {
    if (values.every(isAsciiValue)) continue;
    const wires = values.map(toWireValue);
    if (wires.some(({ isLatin1 }) => isLatin1)) {
      latin1Names ??= [];
      latin1Names.push(name);
    } else {
      headers.set(
        name,
        wires.map(({ value }) => value),
      );
    }
  }
  if (latin1Names !== undefined) headers.set(headerNames.latin1, [latin1Names.join(",")]);
}

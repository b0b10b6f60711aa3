import {
  canonicalHeaderName,
  headerNames,
  isHopByHopHeader,
  isReservedHeader,
  toWireValue,
} from "../../../../contracts/index.ts";
import {
  appendHeader,
  createHeaders,
  type Headers,
  isHeaderSafe,
  timeLeftUntil,
} from "../../../../nats/index.ts";
import { fieldsToSend } from "../../../instance/header-block.ts";

/** A request to another function, as the isolate hands it over. */
export interface OutgoingCall {
  method: string;
  url: URL;
  headerBlock: string;
  /** A number is the id of the isolate's stream. */
  body: Uint8Array | number;
}

const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/;
const MAX_HEADER_BYTES = 256 * 1024;
const MAX_URL_LENGTH = 64 * 1024;

/** Undefined for what is no request. All of it is user input. */
export function readCall([method, url, headerBlock, body]: readonly unknown[]): OutgoingCall | undefined {
  if (typeof method !== "string" || !METHOD.test(method)) return undefined;
  if (typeof headerBlock !== "string" || headerBlock.length > MAX_HEADER_BYTES) return undefined;
  const parsed = typeof url === "string" && url.length <= MAX_URL_LENGTH ? URL.parse(url) : null;
  if (parsed === null) return undefined;
  const content = bodyOf(body);
  return content === undefined ? undefined : { method, url: parsed, headerBlock, body: content };
}

function bodyOf(body: unknown): Uint8Array | number | undefined {
  if (body === undefined) return new Uint8Array();
  if (typeof body === "number") return body;
  if (typeof body === "string") return Buffer.from(body);
  return body instanceof ArrayBuffer ? new Uint8Array(body) : undefined;
}

/** Set here, or of no meaning without HTTP. */
const LEFT_OUT = new Set(["host", "content-length", "expect"]);

/** The message's headers (header mode, docs/wire.md); undefined where a field cannot be sent. */
export function messageHeaders(
  { method, url, headerBlock }: OutgoingCall,
  { requestId, endsAtMs, hops }: { requestId: string; endsAtMs: number; hops: number },
): Headers | undefined {
  const headers = createHeaders([
    [headerNames.method, method],
    [headerNames.path, decodedPath(url.pathname)],
    [headerNames.rawPath, url.pathname],
    [headerNames.query, url.search.slice(1)],
    [headerNames.host, url.host],
    ["X-Forwarded-Proto", url.protocol === "https:" ? "https" : "http"],
    [headerNames.requestId, requestId],
    [headerNames.deadline, String(Math.round(Date.now() + endsAtMs - performance.now()))],
    [headerNames.timeout, timeLeftUntil(endsAtMs)],
    [headerNames.hops, String(hops)],
  ]);
  const latin1: string[] = [];
  for (const [name, value] of fieldsToSend(headerBlock)) {
    const lowerCaseName = name.toLowerCase();
    if (isReservedHeader(name) || isHopByHopHeader(lowerCaseName) || LEFT_OUT.has(lowerCaseName)) continue;
    const wire = toWireValue(value);
    if (!isHeaderSafe(name, wire.value)) return undefined;
    appendHeader(headers, canonicalHeaderName(name), wire.value);
    if (wire.isLatin1) latin1.push(lowerCaseName);
  }
  if (latin1.length > 0) appendHeader(headers, headerNames.latin1, latin1.join(","));
  return headers;
}

/** The decoded path, as far as a header can carry it. */
function decodedPath(rawPath: string): string {
  try {
    const decoded = decodeURIComponent(rawPath);
    return /[\p{Cc}]|\s$/u.test(decoded) ? rawPath : decoded;
  } catch {
    return rawPath;
  }
}

/** Bytes of a message on the wire. */
export function sizeOf(headers: Headers, body: Uint8Array): number {
  let size = 16 + body.byteLength;
  for (const [name, values] of headers)
    for (const value of values) size += name.length + Buffer.byteLength(value) + 4;
  return size;
}

/** The head of a request that an isolate sends. All of it is user input. */
import { isHopByHopHeader } from "../../../../contracts/index.ts";
import { fieldsToSend } from "../../../instance/header-block.ts";
import { CallError } from "../../process/host-calls.ts";

export interface RequestHead {
  method: string;
  url: URL;
  /** Lower-case name, value. */
  headers: [name: string, value: string][];
}

const MAX_URL_LENGTH = 64 * 1024;
const MAX_HEADER_LENGTH = 256 * 1024;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const REFUSED_METHOD = /^(connect|trace|track)$/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters are what is refused
const NOT_A_VALUE = /[\0-\x08\x0a-\x1f\x7f]|[^\x00-\xff]/;

/**
 * Ports of services that may take a line of HTTP for one of their own commands (Fetch, "port blocking").
 */
const BLOCKED_PORTS = new Set(
  (
    "0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 123 " +
    "135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 990 993 " +
    "995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080"
  )
    .split(" ")
    .map(Number),
);

/** Fields of the connection itself. A function's values for them are left out. */
const isOfConnection = (name: string) => isHopByHopHeader(name) || name === "host" || name === "expect";

const DEFAULTS: readonly [string, string][] = [
  ["accept", "*/*"],
  ["accept-language", "*"],
  ["user-agent", "narun"],
];

/**
 * Throws a CallError where the request cannot be sent. `isStream`: the platform knows the length of the body, or else
 * the function declares.
 */
export function parseRequestHead(
  method: unknown,
  urlText: unknown,
  headerBlock: unknown,
  isStream: boolean,
  length: unknown,
): RequestHead {
  if (typeof method !== "string" || method.length > 100 || !TOKEN.test(method) || REFUSED_METHOD.test(method))
    throw new CallError("TypeError", "the method cannot be sent");
  const url = parseUrl(urlText);
  if (typeof headerBlock !== "string" || headerBlock.length > MAX_HEADER_LENGTH)
    throw new CallError("TypeError", `the header fields are over ${MAX_HEADER_LENGTH} bytes`);
  const headers: [string, string][] = [];
  for (const [given, value] of fieldsToSend(headerBlock)) {
    const name = given.toLowerCase();
    if (!TOKEN.test(name) || NOT_A_VALUE.test(value))
      throw new CallError("TypeError", "a header field has a character that it cannot carry");
    if (isOfConnection(name)) continue;
    if (name === "content-length" && !(isStream && length === undefined && /^\d{1,15}$/.test(value)))
      continue;
    headers.push([name, value]);
  }
  if (isStream && typeof length === "number" && Number.isSafeInteger(length) && length >= 0)
    headers.push(["content-length", String(length)]);
  const has = (name: string) => headers.some(([other]) => other === name);
  for (const field of DEFAULTS) if (!has(field[0])) headers.push(field);
  // A part of a coded body cannot be decoded (Fetch, "HTTP-network-or-cache fetch").
  if (!has("accept-encoding"))
    headers.push(["accept-encoding", has("range") ? "identity" : "gzip, deflate, br"]);
  return { method, url, headers };
}

function parseUrl(text: unknown): URL {
  if (typeof text !== "string" || text.length > MAX_URL_LENGTH || !URL.canParse(text))
    throw new CallError("TypeError", "the URL is invalid, or too long");
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new CallError("TypeError", `${url.protocol} URLs cannot be fetched`);
  const port = url.port === "" ? undefined : Number(url.port);
  if (port !== undefined && BLOCKED_PORTS.has(port))
    throw new CallError("TypeError", `port ${port} is blocked, as it belongs to another protocol than HTTP`);
  return url;
}

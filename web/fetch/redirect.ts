import { URL } from "../url/url.ts";
import type { Outgoing } from "./body.ts";

/** One request to a server. A redirect makes a second step. */
export interface FetchStep {
  method: string;
  url: URL;
  headerBlock: string;
  /** Undefined: no body. */
  body: Outgoing | undefined;
}

const REDIRECT_STATUS = new Set([301, 302, 303, 307, 308]);
const OF_BODY = /^content-(?:encoding|language|length|location|type)$/;
const OF_ORIGIN = /^(?:authorization|cookie|proxy-authorization)$/;

export function isRedirect(status: number): boolean {
  return REDIRECT_STATUS.has(status);
}

/** The next step after a redirect (Fetch, "HTTP-redirect fetch"), or the reason for its refusal. */
export function followRedirect(step: FetchStep, status: number, location: string): FetchStep | string {
  const url = parseLocation(location, step.url);
  if (url === undefined) return `${step.url.origin} redirects to an invalid URL`;
  if (url.protocol !== "http:" && url.protocol !== "https:")
    return `${step.url.origin} redirects to a ${url.protocol} URL`;
  const isSameOrigin = url.origin === step.url.origin;
  if (!isSameOrigin && (url.username !== "" || url.password !== ""))
    return `${step.url.origin} redirects to a URL with a login in it`;
  const { method, body } = step;
  if (status !== 303 && body !== undefined && body.again === undefined)
    return `${step.url.origin} redirects a request whose body is a stream, which cannot be sent again`;
  const becomesGet =
    ((status === 301 || status === 302) && method === "POST") ||
    (status === 303 && method !== "GET" && method !== "HEAD");
  const isDropped = (name: string) =>
    (becomesGet && OF_BODY.test(name)) || (!isSameOrigin && OF_ORIGIN.test(name));
  return {
    url,
    method: becomesGet ? "GET" : method,
    headerBlock: filterBlock(step.headerBlock, (name) => !isDropped(name)),
    body: becomesGet ? undefined : body?.again?.(),
  };
}

/** A `location` is bytes. Servers that send other bytes than ASCII mean UTF-8. */
function parseLocation(location: string, base: URL): URL | undefined {
  const text = location.replace(/[\x80-\xff]+/g, (bytes) =>
    Array.from(bytes, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`).join(""),
  );
  return URL.canParse(text, base.href) ? new URL(text, base.href) : undefined;
}

/** The last value of a field in a header block. */
export function findHeader(block: string, lowerName: string): string | undefined {
  const lines = block.split("\n");
  for (let index = 0; index + 1 < lines.length; index += 2) {
    if (lines[index] === lowerName) return lines[index + 1];
  }
  return undefined;
}

function filterBlock(block: string, isKept: (lowerName: string) => boolean): string {
  const lines = block.split("\n");
  let kept = "";
  for (let index = 0; index + 1 < lines.length; index += 2) {
    const name = lines[index] ?? "";
    if (isKept(name.toLowerCase())) kept += `${name}\n${lines[index + 1]}\n`;
  }
  return kept;
}

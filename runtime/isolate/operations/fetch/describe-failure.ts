import { CONNECT_TIMEOUT_MS, MAX_HEADER_BYTES, SILENCE_TIMEOUT_MS } from "./http-client.ts";

/** A failure in terms that a function may see: no detail of the host. */
export interface Failure {
  /** A code of narun's catalogue, of the system, or of undici. */
  code: string;
  message: string;
}

/** Undefined where the error is no failure of an exchange, but a fault of ours. */
export function describeFailure(error: unknown, url: URL): Failure | undefined {
  const { name, message, ...root } = rootOf(error);
  // undici's parser has no code for bytes that are not HTTP.
  const code = root.code ?? (name === "HTTPParserError" ? "HPE_INVALID" : undefined);
  if (typeof code !== "string") return undefined;
  if (code === "EGRESS_REFUSED") return { code, message: `${code}: ${message}` };
  const text =
    TEXTS[code] ??
    (/CERT|ISSUER|SELF_SIGNED/.test(code) ? "WHERE has a certificate that is not accepted" : undefined);
  if (text !== undefined) return { code, message: fill(text, url, code) };
  if (/^HPE_/.test(code)) return { code, message: fill("WHERE did not answer in valid HTTP/1.1", url, code) };
  if (/^(ERR_SSL|ERR_TLS|EPROTO)/.test(code))
    return { code, message: fill("there is no TLS with WHERE", url, code) };
  if (/^(Z_|ERR_?_?BROTLI|ERR_BUFFER_TOO_LARGE)/.test(code))
    return { code, message: fill("the body from WHERE is not what its content-encoding says", url, code) };
  return /^(E[A-Z0-9]+|UND_ERR_\w+)$/.test(code)
    ? { code, message: fill("the exchange with WHERE failed", url, code) }
    : undefined;
}

const SECOND_MS = 1_000;

const TEXTS: Record<string, string> = {
  ECONNREFUSED: "WHERE refused the connection",
  ECONNRESET: "WHERE closed the connection",
  EPIPE: "WHERE closed the connection",
  UND_ERR_SOCKET: "WHERE closed the connection",
  ENOTFOUND: "no address is known for HOST",
  EAI_AGAIN: "the name HOST could not be looked up now",
  EHOSTUNREACH: "there is no way to WHERE",
  ENETUNREACH: "there is no way to WHERE",
  EADDRNOTAVAIL: "there is no way to WHERE",
  ETIMEDOUT: "WHERE did not take the connection in time",
  UND_ERR_CONNECT_TIMEOUT: `WHERE did not take the connection within ${CONNECT_TIMEOUT_MS / SECOND_MS} s`,
  UND_ERR_HEADERS_TIMEOUT: `WHERE did not answer within ${SILENCE_TIMEOUT_MS / SECOND_MS} s`,
  UND_ERR_BODY_TIMEOUT: `WHERE was silent for ${SILENCE_TIMEOUT_MS / SECOND_MS} s within the body`,
  UND_ERR_HEADERS_OVERFLOW: `WHERE answered with more than ${MAX_HEADER_BYTES} bytes of header fields`,
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: "the request's body has not the length that its content-length says",
  UNREAD_BODY:
    "the body from WHERE was dropped: it was not read, and other requests waited for its connection",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "the body from WHERE has not the length that its content-length says",
};

function fill(text: string, url: URL, code: string): string {
  return `${text.replace("WHERE", url.origin).replace("HOST", url.hostname)} (${code})`;
}

/** An AggregateError has an error for each address of a name. The first one is enough. */
function rootOf(error: unknown): { code: unknown; name: string; message: string } {
  if (error instanceof AggregateError && error.errors.length > 0) return rootOf(error.errors[0]);
  if (!(error instanceof Error)) return { code: undefined, name: "", message: String(error) };
  const { code, name, message } = error as Error & { code?: unknown };
  return { code, name, message };
}

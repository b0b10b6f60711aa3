/**
 * Answers to pages of other origins (Fetch Standard, "CORS protocol"), as `cors` of narun.yaml allows them.
 *
 * I1  A preflight is answered here: it wakes no function, and the function needs no handler for OPTIONS.
 * I2  An answer that names its origins itself stays as it is: browsers refuse two of these fields.
 * I3  Errors of the gateway have the fields, too. A page could not read them otherwise.
 */
import type { IncomingMessage } from "node:http";
import type { FunctionSpec } from "../../contracts/index.ts";
import type { GatewayResponse } from "./gateway-response.ts";

type Cors = NonNullable<FunctionSpec["cors"]>;

/** The part of `cors` that one answer needs. */
export interface AllowedOrigin {
  /** Of `Access-Control-Allow-Origin`; undefined where the origin is not allowed. */
  origin: string | undefined;
  hasCredentials: boolean;
}

/** Names of header fields, separated by commas. */
const FIELD_NAMES = /^[\w!#$%&'*+.^`|~-]+(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]+)*$/;

/** The method that a preflight asks for; undefined where the request is none. */
export function preflightMethod({ method, headers }: IncomingMessage): string | undefined {
  if (method !== "OPTIONS" || headers.origin === undefined) return undefined;
  const asked = headers["access-control-request-method"];
  return typeof asked === "string" && asked !== "" ? asked : undefined;
}

export function allowedOrigin(
  { origins, credentials }: Cors,
  { headers: { origin } }: IncomingMessage,
): AllowedOrigin {
  const hasCredentials = credentials;
  if (origins.includes("*")) return { origin: "*", hasCredentials };
  const isAllowed = origin !== undefined && origins.some((allowed) => matches(allowed, origin));
  return { origin: isAllowed ? origin : undefined, hasCredentials };
}

/** `https://*.app.example` stands for all names below it. */
function matches(allowed: string, origin: string): boolean {
  if (!allowed.includes("//*.")) return allowed === origin;
  const [scheme = "", host = ""] = allowed.split("*");
  return (
    origin.startsWith(scheme) &&
    origin.endsWith(host) &&
    /^[a-z\d.-]+$/.test(origin.slice(scheme.length, -host.length))
  );
}

export function preflightResponse(cors: Cors, incoming: IncomingMessage, method: string): GatewayResponse {
  const { origin, hasCredentials } = allowedOrigin(cors, incoming);
  const headers = ["Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"];
  if (origin === undefined) return { status: 204, headers, body: undefined };
  headers.push("Access-Control-Allow-Origin", origin, "Access-Control-Allow-Methods", method);
  const fields = incoming.headers["access-control-request-headers"];
  if (typeof fields === "string" && FIELD_NAMES.test(fields))
    headers.push("Access-Control-Allow-Headers", fields);
  if (hasCredentials) headers.push("Access-Control-Allow-Credentials", "true");
  headers.push("Access-Control-Max-Age", String(cors.maxAgeSeconds));
  return { status: 204, headers, body: undefined };
}

/** Adds the fields to an answer: names and values alternating. */
export function addCors(headers: string[], { origin, hasCredentials }: AllowedOrigin): void {
  const names = headers.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
  if (names.includes("access-control-allow-origin")) return;
  if (origin !== "*") headers.push("Vary", "Origin");
  if (origin === undefined) return;
  headers.push("Access-Control-Allow-Origin", origin);
  if (hasCredentials) headers.push("Access-Control-Allow-Credentials", "true");
  // `*` stands for all fields only where no credentials are sent.
  const exposed = hasCredentials ? [...new Set([...names, "x-request-id", "server-timing"])].join(", ") : "*";
  headers.push("Access-Control-Expose-Headers", exposed);
}

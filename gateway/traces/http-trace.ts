/** The span of an HTTP request, in the words of OpenTelemetry's semantic conventions. */
import { HTTP_METHODS } from "../../contracts/index.ts";
import type { Attributes } from "../../traces/index.ts";
import type { RequestTrace } from "./request-trace.ts";

export interface HttpFacts {
  method: string;
  /** The route's pattern. */
  route: string;
  path: string;
  scheme: string;
  host: string;
  clientAddress: string;
  userAgent: string | undefined;
  service: string;
  requestId: string;
}

const KNOWN: ReadonlySet<string> = new Set([...HTTP_METHODS, "CONNECT", "TRACE"]);

/** The query stays out: it often has secrets. */
export function describeHttp(trace: RequestTrace, facts: HttpFacts): void {
  if (!trace.isRecorded) return;
  const { method, route, userAgent } = facts;
  const isKnown = KNOWN.has(method);
  trace.describe(`${isKnown ? method : "HTTP"} ${route}`, {
    "http.request.method": isKnown ? method : "_OTHER",
    "http.route": route,
    "url.path": facts.path,
    "url.scheme": facts.scheme,
    "server.address": facts.host,
    "client.address": facts.clientAddress,
    ...(userAgent === undefined ? {} : { "user_agent.original": userAgent }),
    "narun.function": facts.service,
    "narun.request_id": facts.requestId,
  });
}

/** A request that no route takes. Its path is the client's choice, and stays out of the name. */
export function describeUnmatched(
  trace: RequestTrace,
  { method, path, host, requestId }: Pick<HttpFacts, "method" | "path" | "host" | "requestId">,
): void {
  const isKnown = KNOWN.has(method);
  trace.describe(isKnown ? method : "HTTP", {
    "http.request.method": isKnown ? method : "_OTHER",
    "url.path": path,
    "server.address": host,
    "narun.request_id": requestId,
  });
}

const FIRST_SERVER_ERROR = 500;

/** `isWhole`: the answer was written to its end. */
export function endHttp(trace: RequestTrace, status: number, isWhole: boolean): void {
  if (!trace.isRecorded) return;
  const attributes: Attributes = { "http.response.status_code": status };
  if (!isWhole) trace.end({ attributes, error: "aborted" });
  else trace.end({ attributes, error: status >= FIRST_SERVER_ERROR ? String(status) : undefined });
}

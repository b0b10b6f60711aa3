/** Routes a request. Every request is answered once, with its `x-request-id`. */
import { callIdOf, isAsync } from "../async/async-door.ts";
import { acceptLater, answerResult } from "../async/async-passage.ts";
import type { RouteMatch } from "../routes.ts";
import { describeUnmatched } from "../traces/http-trace.ts";
import { allowedOrigin, preflightMethod, preflightResponse } from "./cors.ts";
import { closeAfter, type Exchange, refuse } from "./exchange.ts";
import { type GatewayResponse, problemResponse } from "./gateway-response.ts";
import { noRouteResponse } from "./no-route.ts";
import { fail, Passage, type ServeOptions } from "./passage.ts";
import { readHost } from "./request-host.ts";
import { parseTarget, type RequestTarget } from "./request-path.ts";

export function serve(options: ServeOptions, exchange: Exchange): void {
  try {
    route(options, exchange);
  } catch (error) {
    fail(options, exchange, error);
  }
}

function route(options: ServeOptions, exchange: Exchange): void {
  const { requestId, method, incoming } = exchange;
  if (options.isDraining()) {
    refuse(options, exchange, problemResponse("GATEWAY_DRAINING", requestId));
    return;
  }
  const target = parseTarget(incoming.url ?? "/");
  if (target === undefined) {
    refuse(options, exchange, problemResponse("BAD_REQUEST", requestId));
    return;
  }
  const host = readHost(incoming, target.host);
  if (!host.ok) {
    closeAfter(options, exchange, problemResponse("BAD_REQUEST", requestId, host.reason), undefined);
    return;
  }
  const asked = preflightMethod(incoming);
  if (asked !== undefined && answerPreflight(options, exchange, target, asked)) return;
  const match = options.routes().match(method, target.rawPath);
  const callId = callIdOf(target.rawPath);
  if (callId !== undefined) {
    const cors = match.kind === "route" ? options.specOf(match.route.service)?.cors : undefined;
    if (cors !== undefined) exchange.cors = allowedOrigin(cors, incoming);
    answerResult(options, exchange, target, callId);
    return;
  }
  const own = options.own.find(exchange, target, match);
  if (own !== undefined) {
    exchange.pattern = own.pattern;
    own.answer(options, exchange, target);
    return;
  }
  if (match.kind !== "route") {
    if (match.kind === "method-not-allowed") exchange.pattern = match.pattern;
    exchange.trace = options.traces?.begin(incoming.rawHeaders, exchange.startedMs);
    if (exchange.trace !== undefined)
      describeUnmatched(exchange.trace, { method, path: target.rawPath, host: host.host, requestId });
    refuse(options, exchange, unmatched(options, target.rawPath, match, requestId));
    return;
  }
  const { service, pattern } = match.route;
  exchange.pattern = pattern;
  const spec = options.specOf(service);
  exchange.destination = { service, spec };
  if (spec?.cors !== undefined) exchange.cors = allowedOrigin(spec.cors, incoming);
  const mayBeLater = spec !== undefined && exchange.upgrade === undefined;
  if (mayBeLater && isAsync(match.route.isAsync, spec.async, incoming.headers.prefer)) {
    acceptLater(options, exchange, target, { host: host.host, pattern });
    return;
  }
  new Passage(options, exchange, target, host.host).begin();
}

/** Returns false where the function of the route leaves preflights to itself. */
function answerPreflight(
  options: ServeOptions,
  exchange: Exchange,
  target: RequestTarget,
  method: string,
): boolean {
  const match = options.routes().match(method, target.rawPath);
  const own = options.own.find(exchange, target, match);
  if (own?.cors !== undefined) {
    exchange.pattern = own.pattern;
    refuse(options, exchange, preflightResponse(own.cors, exchange.incoming, method));
    return true;
  }
  const cors = match.kind === "route" ? options.specOf(match.route.service)?.cors : undefined;
  if (match.kind !== "route" || cors === undefined) return false;
  exchange.pattern = match.route.pattern;
  refuse(options, exchange, preflightResponse(cors, exchange.incoming, method));
  return true;
}

function unmatched(
  { isFilling }: ServeOptions,
  rawPath: string,
  match: Exclude<RouteMatch, { kind: "route" }>,
  requestId: string,
): GatewayResponse {
  if (match.kind === "method-not-allowed") {
    const allow = ["Allow", match.allow.join(", ")];
    return problemResponse("METHOD_NOT_ALLOWED", requestId, undefined, allow);
  }
  return isFilling()
    ? problemResponse("FIRST_PUSHES", requestId)
    : noRouteResponse(rawPath, match.nearest, requestId);
}

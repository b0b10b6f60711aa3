/** The answers to a path that no route takes. */
import { type GatewayResponse, problemResponse } from "./gateway-response.ts";
import { asciiOf } from "./unreadable.ts";

/** `nearest`: the route that almost takes the path. */
export function noRouteResponse(
  rawPath: string,
  nearest: string | undefined,
  requestId: string,
): GatewayResponse {
  return problemResponse("NO_ROUTE", requestId, `no route takes ${asciiOf(rawPath)}${hintOf(nearest)}`);
}

function hintOf(nearest: string | undefined): string {
  if (nearest === undefined) return "";
  const isPrefix = nearest.endsWith("/*") || nearest.endsWith("/");
  return isPrefix
    ? `; the route ${nearest} takes only what is below it`
    : `; the route ${nearest} takes nothing below it`;
}

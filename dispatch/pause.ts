/** A pause of a service (`narun services pause`), as dispatch keeps it. */
import type { ErrorCode, FunctionSpec } from "../contracts/index.ts";

/** How requests to a service are treated: as always, held until it is resumed, or refused. */
export function pauseOf(spec: FunctionSpec | undefined): "none" | "hold" | "refuse" {
  if (spec?.paused === undefined) return "none";
  return spec.interface?.whenPaused ?? "hold";
}

/** The code of a request whose hold is over. */
export function codeOfHold(spec: FunctionSpec | undefined): ErrorCode {
  return pauseOf(spec) === "none" ? "NO_CONSUMER" : "SERVICE_PAUSED";
}

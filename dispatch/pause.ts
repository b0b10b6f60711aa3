/** Why requests of a service are held that could be sent otherwise: it is paused, or waits for services that it requires. */
import type { ErrorCode } from "../contracts/index.ts";
import type { DispatchSpec } from "./job.ts";

/** How requests to a service are treated: as always, held until it is resumed, or refused. */
export function pauseOf(spec: DispatchSpec | undefined): "none" | "hold" | "refuse" {
  if (spec?.paused === undefined) return "none";
  return spec.interface?.whenPaused ?? "hold";
}

/** The end of a request whose hold is over. `waitsFor`: the required services that do not run. */
export function endOfHold(
  spec: DispatchSpec | undefined,
  waitsFor: readonly string[],
): { kind: "failed"; code: ErrorCode; waitsFor?: readonly string[] } {
  if (pauseOf(spec) !== "none") return { kind: "failed", code: "SERVICE_PAUSED" };
  if (waitsFor.length > 0) return { kind: "failed", code: "REQUIRED_NOT_RUNNING", waitsFor };
  return { kind: "failed", code: "NO_CONSUMER" };
}

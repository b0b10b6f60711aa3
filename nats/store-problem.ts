import { JetStreamApiError } from "@nats-io/jetstream";
import {
  ClosedConnectionError,
  ConnectionError,
  DrainingConnectionError,
  RequestError,
  TimeoutError,
} from "@nats-io/transport-node";
import { isNarunError } from "../contracts/index.ts";
import { isWithoutRoom, UNAVAILABLE_STATUS } from "./jetstream-errors.ts";
import { refusalOf } from "./permissions.ts";

const AWAY = [ClosedConnectionError, ConnectionError, DrainingConnectionError, RequestError, TimeoutError];

/**
 * The cause of a store's error: NATS does not permit it to this login, it does not answer now, or it has no room
 * left. Undefined: something else.
 */
export function storeProblem(error: unknown): "refused" | "away" | "full" | undefined {
  if (refusalOf(error) !== undefined) return "refused";
  if (error instanceof JetStreamApiError) {
    if (isWithoutRoom(error)) return "full";
    return error.status === UNAVAILABLE_STATUS ? "away" : undefined;
  }
  if (AWAY.some((kind) => error instanceof kind)) return "away";
  // The library does not export this class.
  const isWithout = error instanceof Error && error.name === "JetStreamNotEnabled";
  const isNamed =
    isNarunError(error, "NATS_NO_JETSTREAM") ||
    isNarunError(error, "NATS_NO_MAJORITY") ||
    isNarunError(error, "NATS_JETSTREAM_UNAVAILABLE");
  return isWithout || isNamed ? "away" : undefined;
}

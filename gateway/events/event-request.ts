import type { FunctionSpec } from "../../contracts/index.ts";
import type { EventReaders } from "./event-readers.ts";

export type EventAccess = "allowed" | "key-missing" | "key-unknown";

/** A request for events, and whether it is allowed. */
export interface EventRequest {
  pattern: string;
  access: EventAccess;
  /** The function's whose rule opens the pattern. */
  cors: FunctionSpec["cors"];
  /** The readers of this gateway, loaded with the first request. */
  load(): Promise<EventReaders>;
}

/** The path of the metrics. */
export const EVENTS_PATTERN = "/events/*";
export const EVENTS_PROTOCOL = "narun.events";

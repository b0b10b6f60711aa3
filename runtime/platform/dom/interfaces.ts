import { AbortController, AbortSignal } from "./abort.ts";
import { DOMException } from "./dom-exception.ts";
import { ErrorEvent } from "./error-event.ts";
import { Event } from "./event.ts";
import { EventTarget } from "./event-target.ts";

/** The interfaces of this folder that user code sees, by name. */
export const domInterfaces = {
  AbortController,
  AbortSignal,
  DOMException,
  ErrorEvent,
  Event,
  EventTarget,
};

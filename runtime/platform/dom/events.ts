/** Events and their targets, for the parts of the platform that have some. */
export { reportException } from "./dispatch.ts";
export { Event, type EventInit } from "./event.ts";
export { defineEventHandlers } from "./event-handlers.ts";
export { dispatchTrusted, EventTarget, hasListeners } from "./event-target.ts";

/** The interfaces of this folder for user code, by name and kind. */
import { AbortController, AbortSignal } from "./abort.ts";
import { BroadcastChannel } from "./broadcast-channel.ts";
import { DOMException } from "./dom-exception.ts";
import { ErrorEvent } from "./error-event.ts";
import { Event } from "./event.ts";
import { CloseEvent, CustomEvent, ProgressEvent, PromiseRejectionEvent } from "./event-kinds.ts";
import { EventTarget } from "./event-target.ts";
import { queueMicrotask, reportError } from "./global-scope.ts";
import { MessageChannel, MessageEvent, MessagePort } from "./messaging.ts";
import { Navigator, navigator } from "./navigator.ts";
import { QuotaExceededError } from "./quota-exceeded-error.ts";

export const domInterfaces = {
  AbortController,
  AbortSignal,
  BroadcastChannel,
  CloseEvent,
  CustomEvent,
  DOMException,
  ErrorEvent,
  Event,
  EventTarget,
  MessageChannel,
  MessageEvent,
  MessagePort,
  Navigator,
  ProgressEvent,
  PromiseRejectionEvent,
  QuotaExceededError,
};

export const domOperations = { queueMicrotask, reportError };

export const domAttributes = { navigator };

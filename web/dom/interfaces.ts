/** The interfaces of this folder for user code, by name and kind. */

import { atob, btoa } from "../encoding/base64.ts";
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
import { Performance, performance } from "./performance.ts";
import { PerformanceEntry, PerformanceMark, PerformanceMeasure } from "./performance-entries.ts";
import { PerformanceObserver, PerformanceObserverEntryList } from "./performance-observer.ts";
import { QuotaExceededError } from "./quota-exceeded-error.ts";
import { structuredClone } from "./structured-clone.ts";

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
  Performance,
  PerformanceEntry,
  PerformanceMark,
  PerformanceMeasure,
  PerformanceObserver,
  PerformanceObserverEntryList,
  ProgressEvent,
  PromiseRejectionEvent,
  QuotaExceededError,
};

export const domOperations = { atob, btoa, queueMicrotask, reportError, structuredClone };

export const domAttributes = { navigator, performance };

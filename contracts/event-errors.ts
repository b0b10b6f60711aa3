import type { ErrorEntry } from "./error-entry.ts";

/** Errors of events. */
export const eventErrors = {
  EVENT_NOT_STORED: {
    title: "The event could not be stored, so it was not published",
    solve: "Publish it again with the same `id`: JetStream does not answer now, or has no room left.",
    status: 503,
    retryable: true,
  },
  EVENTS_FULL: {
    title: "There is no room for another retained event",
    solve:
      "The event itself was published. Give the stream more room (`nats stream edit narun-events-retained --max-bytes`), or publish without `retain`.",
    status: 507,
  },
  EVENT_SUBJECT_INVALID: {
    title: "The path is no subject of events",
    solve:
      "Write `/events/orders.paid`, or with wildcards `/events/orders.*` and `/events/orders.%3E`; at most 512 characters.",
    status: 400,
  },
  EVENT_KEY_MISSING: {
    title: "Readers of these events show a key",
    solve:
      "Send `Authorization: Bearer KEY`; a WebSocket of a browser offers the protocols `narun.events` and `narun.key.KEY`.",
    status: 401,
  },
  EVENT_KEY_UNKNOWN: {
    title: "The key does not open these events",
    solve: "Ask the operator for a key whose digest `eventReaders` of a function names.",
    status: 403,
  },
  EVENT_HANDLER_NOT_FOUND: {
    title: "The service has no durable handler of events of this name",
    solve:
      "`narun events replay` needs a service with `.on(pattern, { durable: true }, …)`; `detail` names its handlers.",
  },
  EVENT_READERS_FULL: {
    title: "The gateway has as many readers of events as it may have",
    solve: "Connect again later, or to another gateway.",
    status: 503,
    retryable: true,
  },
} as const satisfies Record<string, ErrorEntry>;

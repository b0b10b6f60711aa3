/**
 * The door to events: `GET /events/<subject>` tells them as Server-Sent Events (WHATWG HTML, section 9.2), or over a WebSocket. Its
 * requests come by the door of HTTP. The rest is loaded with the first of them.
 *
 * I1  No event is open by default. A pattern is open where `eventReaders` of a function covers it whole; else the path is no path of
 *     this door, so that it tells nothing about events that are closed.
 * I2  A route that begins with `/events` is its function's: the door takes no path from a function.
 */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import {
  decideEventReader,
  type EventReader,
  type FunctionSpec,
  isEventPattern,
} from "../../contracts/index.ts";
import type { Log } from "../../dispatch/index.ts";
import type { Nats } from "../../nats/index.ts";
import type { RouteMatch } from "../routes.ts";
import type { EventReaders } from "./event-readers.ts";

export interface EventDoorOptions {
  nats: Nats;
  specs(): Iterable<FunctionSpec>;
  log: Log;
}

export type EventAccess = "allowed" | "key-missing" | "key-unknown";

/** What the door does with a request. */
export interface EventRequest {
  pattern: string;
  access: EventAccess;
  /** Of the function whose rule opens the pattern. */
  cors: FunctionSpec["cors"];
}

export interface EventDoor {
  /** Undefined: the request is not for this door. */
  find(rawPath: string, match: RouteMatch, incoming: IncomingMessage): EventRequest | undefined;
  /** The rules have changed. */
  forget(): void;
  load(): Promise<EventReaders>;
  close(): void;
}

const PREFIX = "/events/";
/** The path of the metrics. */
export const EVENTS_PATTERN = "/events/*";
/** A page cannot set header fields of a WebSocket: it offers its key as a protocol. */
export const KEY_PROTOCOL = "narun.key.";
export const EVENTS_PROTOCOL = "narun.events";

interface Rule {
  reader: EventReader;
  cors: FunctionSpec["cors"];
}

export function createEventDoor(options: EventDoorOptions): EventDoor {
  let rules: Rule[] | undefined;
  let loading: Promise<EventReaders> | undefined;
  const find = () => {
    rules ??= [...options.specs()].flatMap(({ eventReaders = [], cors }) =>
      eventReaders.map((reader) => ({ reader, cors })),
    );
    return rules;
  };
  return {
    find(rawPath, match, incoming) {
      if (!rawPath.startsWith(PREFIX) || find().length === 0 || isOfFunction(match)) return undefined;
      const pattern = patternOf(rawPath);
      if (pattern === undefined) return undefined;
      const covering = find().filter(({ reader }) => accessOf([reader], pattern, undefined) !== "closed");
      const access = accessOf(
        covering.map(({ reader }) => reader),
        pattern,
        keyOf(incoming),
      );
      return access === "closed"
        ? undefined
        : { pattern, access, cors: covering.find(({ cors }) => cors)?.cors };
    },
    forget() {
      rules = undefined;
    },
    load() {
      loading ??= import("./event-readers.ts").then((module) => new module.EventReaders(options));
      return loading;
    },
    close() {
      void loading?.then((readers) => readers.close());
    },
  };
}

function accessOf(readers: readonly EventReader[], pattern: string, key: string | undefined) {
  const digest = key === undefined ? undefined : `sha256:${createHash("sha256").update(key).digest("hex")}`;
  return decideEventReader(readers, pattern, digest);
}

function isOfFunction(match: RouteMatch): boolean {
  return match.kind === "route" && match.route.pattern.startsWith("/events");
}

function patternOf(rawPath: string): string | undefined {
  try {
    const pattern = decodeURIComponent(rawPath.slice(PREFIX.length));
    return isEventPattern(pattern) ? pattern : undefined;
  } catch {
    return undefined;
  }
}

function keyOf({ headers }: IncomingMessage): string | undefined {
  const [, bearer] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? "") ?? [];
  if (bearer !== undefined) return bearer;
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((one) => one.trim());
  return offered.find((one) => one.startsWith(KEY_PROTOCOL))?.slice(KEY_PROTOCOL.length);
}

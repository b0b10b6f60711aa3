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
import type { OwnPaths } from "../http/own-paths.ts";
import type { ServeOptions } from "../http/passage.ts";
import type { RouteMatch } from "../routes.ts";
import type { EventDoorOptions } from "./event-door-options.ts";
import { answerEvents } from "./event-passage.ts";
import type { EventReaders } from "./event-readers.ts";
import { EVENTS_PATTERN } from "./event-request.ts";

const PREFIX = "/events/";
/** A page cannot set header fields of a WebSocket: it offers its key as a protocol. */
const KEY_PROTOCOL = "narun.key.";

interface Rule {
  reader: EventReader;
  cors: FunctionSpec["cors"];
}

export function createEventDoor(options: EventDoorOptions): OwnPaths<ServeOptions> {
  let rules: Rule[] | undefined;
  let loading: Promise<EventReaders> | undefined;
  const find = () => {
    rules ??= [...options.specs()].flatMap(({ eventReaders = [], cors }) =>
      eventReaders.map((reader) => ({ reader, cors })),
    );
    return rules;
  };
  const load = () => {
    loading ??= import("./event-readers.ts").then((module) => new module.EventReaders(options));
    return loading;
  };
  return {
    find({ incoming }, { rawPath }, match) {
      if (!rawPath.startsWith(PREFIX) || find().length === 0 || isOfFunction(match)) return undefined;
      const pattern = patternOf(rawPath);
      if (pattern === undefined) return undefined;
      const covering = find().filter(({ reader }) => accessOf([reader], pattern, undefined) !== "closed");
      const access = accessOf(
        covering.map(({ reader }) => reader),
        pattern,
        keyOf(incoming),
      );
      if (access === "closed") return undefined;
      const request = { pattern, access, cors: covering.find(({ cors }) => cors)?.cors, load };
      return {
        pattern: EVENTS_PATTERN,
        cors: request.cors,
        answer: (served, exchange, target) => answerEvents(served, exchange, target, request),
      };
    },
    forget() {
      rules = undefined;
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

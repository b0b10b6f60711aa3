/**
 * The operations of events.
 *
 * I1  An event has the name of its function as its source: the code cannot choose another.
 * I2  A call without a binding has the rights of all of them, and rights to the events below the function's own name.
 * I3  `once` ends with its request, and holds one subscription meanwhile.
 */
import {
  coversPattern,
  isEventPattern,
  isEventSubject,
  isHeaderSafe,
  isNarunError,
  MAX_EVENT_ID,
  MAX_EVENT_KEY,
  MAX_EVENT_TTL_SECONDS,
  matchesAny,
} from "../../../../contracts/index.ts";
import { type Events, nextEvent, openEvents, type StoredEvent } from "../../../../nats/index.ts";
import { type CallContext, CallError, type HostOperations } from "../../process/host-calls.ts";
import { traceToHandOn } from "../handed-on-trace.ts";
import { readWhole } from "./arguments.ts";
import type { BindingContext } from "./binding-context.ts";
import { createEventSealing } from "./event-sealing.ts";
import { createLargeValues, type LargeValues } from "./large-values.ts";

const DEFAULT_TIMEOUT_MS = 5_000;
const MAX_TIMEOUT_MS = 300_000;
/** Room for the header fields of an event. */
const MAX_HEADER_BYTES = 16 * 1024;
/** Upper bound of the waits of an instance at a time. */
const MAX_WAITS = 100;

/** The parts that all operations of an instance use. */
interface EventParts {
  context: BindingContext;
  open(): Promise<Events>;
  large: LargeValues;
  /** The rights of a binding, or of the function itself where none is named. */
  rightsOf(name: unknown): { publishes: readonly string[]; hears: readonly string[] };
}

export function createEventOperations(context: BindingContext): HostOperations {
  const { streams, declared } = context;
  const { nats } = streams;
  let opened: Promise<Events> | undefined;
  const parts: EventParts = {
    context,
    open() {
      opened ??= openEvents(nats).catch((error: unknown) => {
        opened = undefined;
        throw error;
      });
      return opened;
    },
    large: createLargeValues(nats.maxPayload),
    rightsOf: (name) => (name === undefined ? ownRights(context) : declared("events", name)),
  };
  return { ...createPublish(parts), ...createHearing(parts) };
}

function createPublish({ context, open, large, rightsOf }: EventParts): HostOperations {
  const { name: source, streams } = context;
  const sealing = createEventSealing(context);
  const limits = { maxBytes: streams.nats.maxPayload - MAX_HEADER_BYTES, label: "The value of an event" };
  return {
    "events.publish": ([name, subjectValue, data, type, retain, ttl, key, id, encrypt], call) => {
      const { publishes } = rightsOf(name);
      const subject = readSubject(subjectValue);
      if (!matchesAny(publishes, subject)) refuse(subject, publishes, "publish");
      const seal = sealing.of({ name, subject, encrypt });
      const event = {
        ...{ subject, source, retain: retain === true },
        headers: headersOf(type, call),
        key: readLine(key, "key", MAX_EVENT_KEY),
        id: readLine(id, "id", MAX_EVENT_ID),
        ttlSeconds: readWhole(ttl, { name: "ttl", min: 1, max: MAX_EVENT_TTL_SECONDS }),
      };
      const bounds = { ...limits, maxBytes: seal?.fitting(limits.maxBytes) ?? limits.maxBytes };
      return large.accept(data, bounds, call, async (bytes) => {
        const sealed = await seal?.seal(bytes, event.headers);
        const published = await (await open())
          .publish({ ...event, data: bytes, ...sealed })
          .catch(toBindingError);
        return [published.sequence, published.isDuplicate];
      });
    },
  };
}

function createHearing({ context, open, large, rightsOf }: EventParts): HostOperations {
  const { streams, endOf } = context;
  const sealing = createEventSealing(context);
  let waits = 0;
  const wait = async (pattern: string, timeoutMs: number, call: CallContext) => {
    if (waits >= MAX_WAITS)
      throw new CallError("RangeError", `an instance waits for at most ${MAX_WAITS} events at a time`);
    waits += 1;
    try {
      await open();
      const end = endOf(call.owner) ?? AbortSignal.abort();
      const ends = AbortSignal.any([call.signal, AbortSignal.timeout(timeoutMs), end]);
      return await nextEvent(streams.nats, pattern, ends);
    } finally {
      waits -= 1;
    }
  };
  return {
    "events.once": async ([name, patternValue, timeout], call) => {
      const { hears } = rightsOf(name);
      const pattern = readPattern(patternValue);
      if (!hears.some((wide) => coversPattern(wide, pattern))) refuse(pattern, hears, "hear");
      const timeoutMs =
        readWhole(timeout, { name: "timeout", min: 1, max: MAX_TIMEOUT_MS }) ?? DEFAULT_TIMEOUT_MS;
      const event = await wait(pattern, timeoutMs, call);
      if (event !== undefined) return deliver(large, await sealing.open(event, name), call);
      throw new CallError("TimeoutError", `${JSON.stringify(pattern)}: no event within ${timeoutMs} ms`);
    },
    "events.last": async ([name, subjectValue], call) => {
      const { hears } = rightsOf(name);
      const subject = readSubject(subjectValue);
      if (!matchesAny(hears, subject)) refuse(subject, hears, "hear");
      const event = await (await open()).lastOf(subject).catch(toBindingError);
      return event === undefined ? undefined : deliver(large, await sealing.open(event, name), call);
    },
  };
}

/** The facts of an event as JSON, and its data. */
async function deliver(large: LargeValues, event: StoredEvent, call: CallContext) {
  const { sequence, subject, key, source, storedAt, headers } = event;
  const facts = { sequence, subject, key, source, at: storedAt.getTime() };
  const type = headers.get("Content-Type")?.[0];
  const { value } = await large.deliver(
    call,
    async () => event,
    ({ data }) => data,
  );
  return [JSON.stringify({ ...facts, type }), value];
}

function ownRights({ name, allDeclared }: BindingContext): { publishes: string[]; hears: string[] } {
  const all = allDeclared("events");
  return {
    publishes: [`${name}.>`, ...all.flatMap(({ publishes }) => publishes)],
    hears: [`${name}.>`, ...all.flatMap(({ hears }) => hears)],
  };
}

function readSubject(value: unknown): string {
  if (typeof value === "string" && value.isWellFormed() && isEventSubject(value)) return value;
  throw new CallError(
    "TypeError",
    "A subject of events has tokens between dots, without wildcards and white space, and at most 512 characters",
  );
}

function readPattern(value: unknown): string {
  if (typeof value === "string" && value.isWellFormed() && isEventPattern(value)) return value;
  throw new CallError(
    "TypeError",
    "A subject of events has tokens between dots; * stands for one token, > at the end for all that follow",
  );
}

/** A text that can stand in a header field. */
function readLine(value: unknown, name: string, maxLength: number): string | undefined {
  if (value === undefined) return undefined;
  const isText = typeof value === "string" && value.isWellFormed() && value !== "" && value === value.trim();
  if (isText && value.length <= maxLength && isHeaderSafe("Name", value)) return value;
  throw new CallError(
    "TypeError",
    `${name} is a text on one line of 1 to ${maxLength} characters, without space around it`,
  );
}

function refuse(subject: string, patterns: readonly string[], verb: string): never {
  throw new CallError(
    "BindingError",
    `${JSON.stringify(subject)} is none of the events that the function may ${verb} (${patterns.join(", ") || "none"})`,
  );
}

function headersOf(type: unknown, { trace }: CallContext): Map<string, string[]> {
  const headers = new Map<string, string[]>();
  if (type === "application/json" || type === "application/octet-stream") headers.set("Content-Type", [type]);
  if (trace === undefined) return headers;
  for (const [name, value] of traceToHandOn(trace, () => undefined, { hasBaggage: true }))
    headers.set(name, [value]);
  return headers;
}

function toBindingError(error: unknown): never {
  if (isNarunError(error)) throw new CallError("BindingError", `${error.code}: ${error.message}`);
  throw error;
}

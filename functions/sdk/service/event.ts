/** The events that a service hears: their definition, and the calls of their handlers. */

import { LABEL } from "../seal/seal-port.ts";
import type { EventDescription } from "./description.ts";
import { refuseUnknown, ServiceFault } from "./fault.ts";
import { isSchema, type StandardSchema } from "./standard-schema.ts";

export interface EventOptions<S> {
  /** Unique in the service. Default: its place among them, from 1. A durable one keeps its place in the stream by its name. */
  name?: string;
  /** It survives zero, outages and crashes: each event is handled once in the service. Default: events while it is heard. */
  durable?: boolean;
  /** Where it begins when it is new. Default `new`. `last`: the last event of each subject. */
  since?: "new" | "last" | "all" | Date;
  /** Each instance hears each event. Default: one instance does. */
  each?: boolean;
  /** The schema of an event's value. Default: any. */
  schema?: S;
  /** How often a durable event is delivered at most, before it becomes a dead letter. */
  maxDeliver?: number;
  /** It takes only events that are sealed for this label (docs/encryption.md). Default: any; sealed ones are opened where it can. */
  encrypt?: string;
}

/** An event. */
export interface ServiceEvent<Value = unknown> {
  readonly id: string;
  readonly subject: string;
  readonly value: Value;
  readonly time: Date;
  /** The number of this delivery, from 1. */
  readonly attempts: number;
}

/** A handler of events with everything decided. */
export interface EventListener {
  name: string;
  pattern: string;
  isDurable: boolean;
  since: string;
  isForEach: boolean;
  schema: StandardSchema | undefined;
  maxDeliver: number | undefined;
  encrypt: string | undefined;
  handle(event: ServiceEvent, context: unknown, env: unknown): unknown;
}

const KEYS = ["name", "durable", "since", "each", "schema", "maxDeliver", "encrypt"];
const NAME = /^[A-Za-z0-9_-]{1,63}$/;
const PATTERN = /^(?:[^\s.*>]+|\*)(?:\.(?:[^\s.*>]+|\*))*(?:\.>)?$|^>$/;

/** Error: ServiceFault. */
export function defineListener(
  place: number,
  pattern: string,
  options: EventOptions<unknown>,
  handle: unknown,
): EventListener {
  const refuse = (why: string) => {
    throw new ServiceFault("SERVICE_INVALID", `on(${JSON.stringify(pattern)}): ${why}`);
  };
  if (typeof pattern !== "string" || pattern.length > 512 || !PATTERN.test(pattern))
    refuse(
      "a pattern is a subject of tokens with dots between; * stands for one token, > at the end for the rest",
    );
  if (typeof handle !== "function") refuse("write .on(pattern, { … }, async (event, ctx) => …)");
  refuseUnknown(`on(${JSON.stringify(pattern)})`, options, KEYS);
  const {
    name = String(place),
    durable = false,
    since = "new",
    each = false,
    schema,
    maxDeliver,
    encrypt,
  } = options;
  if (!NAME.test(name)) refuse("its name has 1 to 63 characters out of A-Z, a-z, 0-9, _ and -");
  if (schema !== undefined && !isSchema(schema)) refuse("its schema is none of Standard Schema");
  if (durable && each)
    refuse("a durable event is handled once in the service: `each` is for events that are not");
  if (maxDeliver !== undefined && !(Number.isInteger(maxDeliver) && maxDeliver >= 1 && maxDeliver <= 1_000))
    refuse("maxDeliver is a number from 1 to 1000");
  if (encrypt !== undefined && (typeof encrypt !== "string" || !LABEL.test(encrypt)))
    refuse("encrypt is a label, as payments or user:42");
  if (!(since instanceof Date) && !["new", "last", "all"].includes(since))
    refuse("since is new, last, all or a Date");
  return {
    ...{ name, pattern, isDurable: durable, isForEach: each, maxDeliver, encrypt },
    since: since instanceof Date ? since.toISOString() : since,
    schema: schema as StandardSchema | undefined,
    handle: handle as EventListener["handle"],
  };
}

/** The description of a listener, but for its schema. */
export function describeListener(listener: EventListener): EventDescription {
  const { name, pattern, isDurable, since, isForEach, maxDeliver, encrypt } = listener;
  return {
    ...{ name, pattern, isDurable, since, isForEach },
    ...(maxDeliver === undefined ? {} : { maxDeliver }),
    ...(encrypt === undefined ? {} : { encrypt }),
  };
}

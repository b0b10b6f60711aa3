/**
 * A service in its own words: its actions, and the events that it hears. The code of a function (`service({…})`) is the
 * truth. A node reads the description when it tries a revision, and the push puts it into the spec (`interface`), where gateways, clients and
 * triggers find it. docs/services.md has the whole.
 *
 * D1  Each action has one subject: `<service>.<action>`, or a template of tokens below `<service>.`. No two of a service match the
 *     same subject, so that the server brings a request to one endpoint.
 * D2  A request to the subject S is the request `POST /S` of HTTP with the same bytes, and the other way round.
 * D3  `POST /.narun/action/<name>` calls an action by its name, wherever its subject is: the body has the whole input. `?hedged` behind
 *     it: the call may be sent twice, and is refused where it may not run twice.
 */
import { z } from "zod";
import { LabelSchema } from "./keys.ts";
import { NameSchema } from "./names.ts";

/** A schema of JSON Schema 2020-12. */
const JsonSchemaSchema = z.record(z.string(), z.json());
export type JsonSchema = z.infer<typeof JsonSchemaSchema>;

/** The name of an action: one token of a subject, and a name in a program. */
export const ACTION_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

const ActionErrorSchema = z.strictObject({
  /** The name under which callers see it: `OrderNotFound`. */
  name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/),
  /** The status over HTTP, 400 to 599. */
  status: z.int().min(400).max(599),
  /** The schema of its data. Absent: it has none. */
  data: JsonSchemaSchema.optional(),
});

export const ActionSchema = z.strictObject({
  name: z.string().regex(ACTION_NAME),
  description: z.string().max(4_096).optional(),
  /** Tokens with dots, below the service's name. `{id}` and `*` stand for one token, `>` at the end for one or more. */
  subject: z.string().min(1).max(512),
  /** The path over HTTP besides `/<service>.<action>`: `/orders/{id}/pay`. Absent: none. */
  path: z.string().startsWith("/").max(512).optional(),
  /** The method at `path`. */
  method: z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"]),
  input: JsonSchemaSchema.optional(),
  output: JsonSchemaSchema.optional(),
  errors: z.array(ActionErrorSchema).max(100).default([]),
  /** It changes nothing: GET is allowed, and a call may be repeated and hedged. */
  isReadOnly: z.boolean(),
  /** A call may be repeated with the same effect. */
  isIdempotent: z.boolean(),
  /** It is offered to models over MCP. */
  isTool: z.boolean(),
  /** The label for which calls and their answers are sealed between caller and action (docs/encryption.md). Absent: they are in clear. */
  encrypt: LabelSchema.optional(),
});
export type Action = z.infer<typeof ActionSchema>;

/** The events that a service hears by one `.on(…)`. */
export const EventHandlerSchema = z.strictObject({
  /** Unique in the service: its place among them, from 1, or a name of the author's. */
  name: NameSchema,
  /** A subject of events, wildcards allowed. */
  pattern: z.string().min(1).max(512),
  /** It survives zero, outages and crashes: each event is handled once in the group. Else: events while the service is heard. */
  isDurable: z.boolean(),
  /** Where it begins when it is new: `new`, `last` (of each subject), `all`, or an ISO time. */
  since: z.string().max(64),
  /** Each instance hears each event. Else: one instance of the service. */
  isForEach: z.boolean(),
  /** The schema of an event's value. Absent: any. */
  schema: JsonSchemaSchema.optional(),
  maxDeliver: z.int().min(1).max(1_000).optional(),
  /** It takes only events that are sealed for this label. Absent: any. */
  encrypt: LabelSchema.optional(),
});
export type EventHandler = z.infer<typeof EventHandlerSchema>;

/** Upper bound of the actions of a service, and of its event handlers. */
const MAX_ACTIONS = 500;

/** Upper bound of a description as JSON: it is a part of the spec, which is one message. */
export const MAX_DESCRIPTION_BYTES = 256 * 1024;

export const ServiceDescriptionSchema = z.strictObject({
  /** Semver of the service's interface. */
  version: z.string().regex(/^\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?$/),
  description: z.string().max(4_096).optional(),
  /** The services that must run before it starts. */
  requires: z.array(NameSchema).max(100).default([]),
  /** How requests to a paused service are treated. */
  whenPaused: z.enum(["hold", "refuse"]).default("hold"),
  actions: z.array(ActionSchema).max(MAX_ACTIONS).default([]),
  events: z.array(EventHandlerSchema).max(MAX_ACTIONS).default([]),
});
/** The description of a service. Its name is the function's. */
export type ServiceDescription = z.infer<typeof ServiceDescriptionSchema>;

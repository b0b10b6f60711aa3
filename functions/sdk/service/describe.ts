/** Writes the description of a service. */
import type { Action } from "./action.ts";
import type { ActionDescription, Description, EventDescription, JsonSchema } from "./description.ts";
import { describeListener, type EventListener } from "./event.ts";
import { ServiceFault } from "./fault.ts";
import { jsonSchemaOf, type StandardSchema } from "./standard-schema.ts";

export interface Described {
  version: string;
  description: string | undefined;
  requires: readonly string[];
  whenPaused: "hold" | "refuse";
  actions: Iterable<Action>;
  listeners: Iterable<EventListener>;
}

/** Error: ServiceFault. */
export function describe(service: Described): Description {
  const { version, description, requires, whenPaused, actions, listeners } = service;
  return {
    ...{ version, requires: [...requires], whenPaused },
    ...(description === undefined ? {} : { description }),
    actions: [...actions].map(describeAction),
    events: [...listeners].map(describeEvent),
  };
}

function describeAction(action: Action): ActionDescription {
  const { name, description, subject, path, method, isReadOnly, isIdempotent, isTool, encrypt } = action;
  const place = `action "${name}"`;
  return {
    ...{ name, subject, method, isReadOnly, isIdempotent, isTool },
    ...(description === undefined ? {} : { description }),
    ...(path === undefined ? {} : { path }),
    ...(encrypt === undefined ? {} : { encrypt }),
    ...named("input", schemaOf(action.input, "input", `the input of ${place}`)),
    ...named("output", schemaOf(action.output, "output", `the output of ${place}`)),
    errors: [...action.errors].map(([error, { status, data }]) => ({
      ...{ name: error, status },
      ...named("data", schemaOf(data, "output", `the data of the error "${error}"`)),
    })),
  };
}

function describeEvent(listener: EventListener): EventDescription {
  const place = `the value of on("${listener.pattern}")`;
  return { ...describeListener(listener), ...named("schema", schemaOf(listener.schema, "input", place)) };
}

function named<Key extends string>(key: Key, value: JsonSchema | undefined): { [K in Key]?: JsonSchema } {
  return (value === undefined ? {} : { [key]: value }) as { [K in Key]?: JsonSchema };
}

function schemaOf(
  schema: StandardSchema | undefined,
  side: "input" | "output",
  place: string,
): JsonSchema | undefined {
  if (schema === undefined) return undefined;
  try {
    return jsonSchemaOf(schema, side);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ServiceFault("SCHEMA_NOT_JSON", `${place} has no JSON Schema: ${why}`);
  }
}

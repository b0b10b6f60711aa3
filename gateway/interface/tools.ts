/** The actions that services offer to models, as MCP tells of tools. Decides, and does no I/O. */
import {
  type Action,
  allowsAction,
  type FunctionSpec,
  fillTemplate,
  hasUnnamedTokens,
  type JsonSchema,
  parametersOf,
  placeSchema,
} from "../../contracts/index.ts";

/** A tool as MCP describes it. */
export interface Tool {
  name: string;
  description?: string;
  inputSchema: JsonSchema & { type: "object" };
  outputSchema?: JsonSchema & { type: "object" };
  annotations: { readOnlyHint: boolean; idempotentHint: boolean; destructiveHint?: boolean };
}

/** A tool, and the action behind it. */
export interface OfferedTool {
  service: string;
  action: Action;
  tool: Tool;
}

/** The argument that has the input, where the input is no object: the arguments of a tool are one. */
const WRAPPED = "input";

/**
 * The tools that a client may call, by their names. An action's name has no hyphen, so that the last one of `orders-pay` tells
 * the service from the action, and no two tools have one name. An action with a token that has no name is none: no input could
 * address it.
 */
export function toolsOf(specs: Iterable<FunctionSpec>, allow: readonly string[]): Map<string, OfferedTool> {
  const tools = new Map<string, OfferedTool>();
  for (const { name: service, interface: told } of [...specs].sort((a, b) => (a.name < b.name ? -1 : 1)))
    for (const action of told?.actions ?? [])
      if (isOffered(action) && allowsAction(allow, service, action.name)) {
        const name = `${service}-${action.name}`;
        tools.set(name, { service, action, tool: toolOf(name, action) });
      }
  return tools;
}

/** Models send their input in clear. */
function isOffered({ isTool, subject, encrypt }: Action): boolean {
  return isTool && encrypt === undefined && !hasUnnamedTokens(subject);
}

function toolOf(name: string, { description, input, output, isReadOnly, isIdempotent }: Action): Tool {
  const isObject = (schema: JsonSchema | undefined): schema is JsonSchema & { type: "object" } =>
    schema?.type === "object";
  return {
    name,
    ...(description !== undefined && { description }),
    inputSchema: input === undefined ? NO_INPUT : isObject(input) ? undated(input) : wrapped(input),
    ...(isObject(output) && { outputSchema: undated(output) }),
    annotations: {
      ...{ readOnlyHint: isReadOnly, idempotentHint: isIdempotent },
      ...(isReadOnly && { destructiveHint: false }),
    },
  };
}

const NO_INPUT: Tool["inputSchema"] = { type: "object", additionalProperties: false };

/** Without its dialect: without one it is 2020-12 to MCP, and clients with a validator of another one take it. */
function undated({ $schema, ...schema }: JsonSchema & { type: "object" }): Tool["inputSchema"] {
  return schema;
}

function wrapped(schema: JsonSchema): Tool["inputSchema"] {
  const placed = placeSchema(schema, `#/properties/${WRAPPED}`);
  return { type: "object", properties: { [WRAPPED]: placed }, required: [WRAPPED] };
}

/** A request of HTTP for a call of a tool: its path and its body. Undefined where the arguments do not address an action. */
export function requestOfCall(
  { input, subject }: Action,
  given: Readonly<Record<string, unknown>>,
): { path: string; body: string } | undefined {
  const path = fillTemplate(`/${subject}`, given);
  if (path === undefined) return undefined;
  if (input === undefined) return { path, body: "" };
  if (input.type !== "object") return { path, body: JSON.stringify(given[WRAPPED]) ?? "" };
  const inPath = parametersOf(subject);
  const rest = Object.entries(given).filter(([name]) => !inPath.includes(name));
  return { path, body: JSON.stringify(Object.fromEntries(rest)) };
}

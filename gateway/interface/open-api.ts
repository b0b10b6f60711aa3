/**
 * The actions of all services as one document of OpenAPI 3.1.
 *
 * I1  It is made from the specs alone, in the order of the services' names: gateways with the same specs tell the same.
 * I2  A path and a method have one operation, and paths that differ in the names of their parameters are one path. The service
 *     that is first by name has it, as with routes.
 */
import {
  type Action,
  type FunctionSpec,
  hasUnnamedTokens,
  type JsonSchema,
  parametersOf,
  placeSchema,
  propertiesOf,
  type ServiceDescription,
  schemaWithout,
} from "../../contracts/index.ts";

export interface OpenApi {
  openapi: "3.1.1";
  info: { title: string; version: string; description?: string };
  tags: { name: string; description?: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, JsonSchema>; responses: Record<string, unknown> };
}

interface Operation {
  operationId: string;
  tags: string[];
  description?: string;
  parameters: Parameter[];
  requestBody?: unknown;
  responses: Record<string, unknown>;
}

interface Parameter {
  name: string;
  in: "path" | "query";
  required: boolean;
  schema: JsonSchema;
}

/** A service of a spec. */
interface Service {
  name: string;
  interface: ServiceDescription;
}

/** The document of all services, or of one; undefined where there is none of that name. */
export function createOpenApi(specs: Iterable<FunctionSpec>, only?: string): OpenApi | undefined {
  const services = [...specs]
    // Without routes its actions have none over HTTP either.
    .flatMap(({ name, routes, interface: told }): Service[] =>
      told === undefined || routes.length === 0 ? [] : [{ name, interface: told }],
    )
    .filter(({ name }) => only === undefined || name === only)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const [first] = services;
  if (only !== undefined && first === undefined) return undefined;
  const document: OpenApi = {
    openapi: "3.1.1",
    info: only === undefined || first === undefined ? ALL : infoOf(first),
    tags: services.map(({ name, interface: told }) => ({ name, ...described(told) })),
    paths: {},
    components: {
      schemas: { Problem: PROBLEM },
      responses: { Problem: responseOf("An error", reference("Problem")) },
    },
  };
  const paths = new Map<string, string>();
  for (const service of services)
    for (const action of service.interface.actions)
      if (action.encrypt === undefined) addAction(document, paths, service, action);
      else addSealed(document, service.name, action, action.encrypt);
  return document;
}

const ALL = { title: "Services of narun", version: "1.0.0" };

function infoOf({ name, interface: told }: Service): OpenApi["info"] {
  return { title: name, version: told.version, ...described(told) };
}

function described({ description }: { description?: string | undefined }): { description?: string } {
  return description === undefined ? {} : { description };
}

/** `paths`: the template by its form without names. */
function addAction(document: OpenApi, paths: Map<string, string>, { name }: Service, action: Action): void {
  const id = `${name}.${action.name}`;
  const schemas = addSchemas(document, id, action);
  const bySubject = `/${action.subject}`;
  const forms: { path: string; method: Action["method"]; id: string }[] = hasUnnamedTokens(action.subject)
    ? []
    : [{ path: bySubject, method: "POST", id }];
  if (forms.length > 0 && action.isReadOnly) forms.push({ path: bySubject, method: "GET", id: `${id}.get` });
  if (action.path !== undefined) forms.push({ path: action.path, method: action.method, id: `${id}.path` });
  for (const { path, method, id: operationId } of forms) {
    const form = path.replaceAll(/\{[^}]*\}/g, "{}");
    const known = paths.get(form) ?? path;
    paths.set(form, known);
    const item = document.paths[known] ?? {};
    document.paths[known] = item;
    const key = method.toLowerCase();
    item[key] ??= {
      ...{ operationId, tags: [name], ...described(action) },
      ...inputOf({ path, known, method }, id, schemas.input),
      responses: responsesOf(action, id, schemas),
    };
  }
}

/** An action whose input and answer are sealed for a label: clients of HTTP see texts. Its schemas describe the clear values. */
function addSealed(document: OpenApi, service: string, action: Action, label: string): void {
  const content = { "application/jose": { schema: SEALED } };
  const text = `Sealed for the label ${label}: input and output are JWEs (RFC 7516), and a call in clear is refused.`;
  document.paths[`/${action.subject}`] = {
    post: {
      ...{ operationId: `${service}.${action.name}`, tags: [service], parameters: [] },
      description: [action.description, text].filter((one) => one !== undefined).join("\n\n"),
      requestBody: { required: true, content },
      responses: {
        "200": { description: "The output, sealed", content },
        default: { $ref: "#/components/responses/Problem" },
      },
    },
  };
}

const SEALED: JsonSchema = { type: "string", contentMediaType: "application/jose" };

interface Schemas {
  input: JsonSchema | undefined;
  output: JsonSchema | undefined;
}

/** Puts the schemas of an action among the components, so that their references to themselves stay true. */
function addSchemas({ components }: OpenApi, id: string, action: Action): Schemas {
  const add = (part: string, schema: JsonSchema | undefined) => {
    if (schema === undefined) return undefined;
    const placed = placeSchema(schema, `#/components/schemas/${id}.${part}`);
    components.schemas[`${id}.${part}`] = placed;
    return placed;
  };
  for (const { name, data } of action.errors) add(`error.${name}`, data);
  return { input: add("input", action.input), output: add("output", action.output) };
}

function reference(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

/** The parameters and the body of an operation. `known`: the path under which the document has it. */
function inputOf(
  { path, known, method }: { path: string; known: string; method: string },
  id: string,
  input: JsonSchema | undefined,
): Pick<Operation, "parameters" | "requestBody"> {
  const properties = propertiesOf(input);
  const inPath = parametersOf(path);
  const names = parametersOf(known);
  const parameters = inPath.map((name, at): Parameter => {
    const schema = properties.get(name)?.schema ?? { type: "string" };
    return { name: names[at] ?? name, in: "path", required: true, schema };
  });
  if (method === "GET" || method === "DELETE") {
    for (const [name, { schema, isRequired }] of properties)
      if (!inPath.includes(name)) parameters.push({ name, in: "query", required: isRequired, schema });
    return { parameters };
  }
  const body = input && schemaWithout(input, inPath);
  if (body === undefined) return { parameters };
  const schema = body === input ? reference(`${id}.input`) : body;
  return { parameters, requestBody: { required: true, content: { "application/json": { schema } } } };
}

function responsesOf(action: Action, id: string, { output }: Schemas): Operation["responses"] {
  const answers: Operation["responses"] =
    output === undefined
      ? { "200": { description: "The output" }, "204": { description: "Done, without an output" } }
      : { "200": jsonResponse("The output", reference(`${id}.output`)) };
  const byStatus = Map.groupBy(action.errors, ({ status }) => String(status));
  for (const [status, errors] of byStatus) {
    const forms = errors.map(({ name, data }) => errorSchema(name, data && reference(`${id}.error.${name}`)));
    const [only] = forms;
    const description = errors.map(({ name }) => name).join(", ");
    answers[status] = responseOf(description, forms.length === 1 && only ? only : { anyOf: forms });
  }
  if (action.input !== undefined) answers["422"] ??= { $ref: "#/components/responses/Problem" };
  return { ...answers, default: { $ref: "#/components/responses/Problem" } };
}

/** A declared error, as its problem has it. */
function errorSchema(name: string, data: JsonSchema | undefined): JsonSchema {
  const error = {
    type: "object",
    properties: { name: { const: name }, ...(data && { data }) },
    required: ["name"],
  };
  return { allOf: [reference("Problem")], properties: { error }, required: ["error"] };
}

function jsonResponse(description: string, schema: JsonSchema) {
  return { description, content: { "application/json": { schema } } };
}

function responseOf(description: string, schema: JsonSchema) {
  return { description, content: { "application/problem+json": { schema } } };
}

/** A problem as narun writes it (contracts/problem.ts). */
const PROBLEM: JsonSchema = {
  type: "object",
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    code: { type: "string" },
    detail: { type: "string" },
    requestId: { type: "string" },
    issues: {
      type: "array",
      items: {
        type: "object",
        properties: { path: {}, message: { type: "string" } },
        required: ["message"],
      },
    },
  },
  required: ["type", "title", "status", "code"],
};

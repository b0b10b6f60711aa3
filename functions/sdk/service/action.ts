/** The definition of an action: its options are checked, and its places over NATS and HTTP made of them. */

import { LABEL } from "../seal/seal-port.ts";
import type { HttpMethod } from "./description.ts";
import { refuseUnknown, ServiceFault } from "./fault.ts";
import { isSchema, type StandardSchema } from "./standard-schema.ts";
import { partsOf } from "./template.ts";

/** An error that a service declares: its status over HTTP, and the schema of its data. */
export interface DeclaredError {
  status: number;
  data?: StandardSchema;
}

export interface ActionOptions<I, O, Name extends string = string> {
  description?: string;
  /** The path over HTTP besides `/<service>.<action>`: `orders/{id}/pay`. `{id}` and `*` are one segment, `>` is the rest. */
  path?: string;
  /** The method at `path`. Default: GET where it is read-only, else POST. */
  method?: HttpMethod;
  /** The subject below the service's name: `orders.item.{id}.pay`. Default: `<service>.<action>`. */
  subject?: string;
  /** The schema of its input. Default: anything. */
  input?: I;
  /** The schema of its answer. Default: anything. */
  output?: O;
  /** The declared errors of the service that it throws. Default: all. */
  errors?: readonly Name[];
  /** It changes nothing: GET is allowed, and calls may be repeated. */
  readOnly?: boolean;
  /** A call may be repeated with the same effect. Default: where it is read-only, and with PUT and DELETE. */
  idempotent?: boolean;
  /** It is offered to models over MCP. */
  tool?: boolean;
  /**
   * The label for which inputs, answers and the data of errors are sealed between the caller and this action (docs/encryption.md).
   * Calls in clear are refused. Default: calls are in clear.
   */
  encrypt?: string;
}

/** An action with everything decided. */
export interface Action {
  name: string;
  description: string | undefined;
  subject: string;
  path: string | undefined;
  method: HttpMethod;
  input: StandardSchema | undefined;
  output: StandardSchema | undefined;
  errors: ReadonlyMap<string, DeclaredError>;
  isReadOnly: boolean;
  isIdempotent: boolean;
  isTool: boolean;
  encrypt: string | undefined;
  handle(input: unknown, context: unknown, env: unknown): unknown;
}

const KEYS = [
  ...["description", "path", "method", "subject", "input", "output", "errors"],
  ...["readOnly", "idempotent", "tool", "encrypt"],
];
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const METHODS: readonly string[] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/** Names that a client of the service could not call: JavaScript, or the client itself, takes them for something else. */
const TAKEN = new Set(["then", "fetch", "constructor", "prototype", "__proto__", "toJSON"]);
const SUBJECT_PART = /^(?:[^\s.*>{}/]+|\*|\{[A-Za-z_]\w*\})$/;
const PATH_PART = /^(?:[^\s/*>{}?#]+|\*|\{[A-Za-z_]\w*\})$/;

/** Error: ServiceFault. */
export function defineAction(
  service: string,
  declared: ReadonlyMap<string, DeclaredError>,
  name: string,
  options: ActionOptions<unknown, unknown>,
  handle: unknown,
): Action {
  const place = `action ${JSON.stringify(name)}`;
  const refuse = (why: string) => {
    throw new ServiceFault("SERVICE_INVALID", `${place}: ${why}`);
  };
  if (typeof name !== "string" || !NAME.test(name))
    refuse("a name has 1 to 64 characters out of A-Z, a-z, 0-9 and _, and begins with no digit");
  if (TAKEN.has(name)) refuse("no client could call an action of this name");
  if (typeof options !== "object" || options === null || typeof handle !== "function")
    refuse("write .action(name, { … }, async (input, ctx) => …)");
  refuseUnknown(place, options, KEYS);
  const { input, output, readOnly, idempotent, tool, description } = options;
  for (const [key, schema] of [
    ["input", input],
    ["output", output],
  ] as const)
    if (schema !== undefined && !isSchema(schema))
      refuse(
        `its ${key} is no schema: give one of zod, valibot, arktype or another library of Standard Schema`,
      );
  const { method = readOnly === true ? "GET" : "POST" } = options;
  if (!METHODS.includes(method)) refuse(`no action has the method ${method}; known: ${METHODS.join(", ")}`);
  if (method === "GET" && readOnly === false) refuse("a GET changes nothing, and it is not read-only");
  const isReadOnly = readOnly ?? method === "GET";
  const encrypt = encryptOf(options, refuse);
  return {
    ...{ name, description, isReadOnly, encrypt },
    method: encrypt === undefined ? method : "POST",
    subject: subjectOf(service, options.subject ?? `${service}.${name}`, refuse),
    path: options.path === undefined ? undefined : pathOf(options.path, refuse),
    input: input as StandardSchema | undefined,
    output: output as StandardSchema | undefined,
    errors: errorsOf(declared, options.errors, refuse),
    isIdempotent: idempotent ?? (isReadOnly || method === "PUT" || method === "DELETE"),
    isTool: tool === true,
    handle: handle as Action["handle"],
  };
}

/** The label of an action whose calls are sealed. Nothing of an input may stand in its address, and models send it in clear. */
function encryptOf(
  { encrypt, path, subject = "", method, tool }: ActionOptions<unknown, unknown>,
  refuse: (why: string) => void,
): string | undefined {
  if (encrypt === undefined) return undefined;
  if (typeof encrypt !== "string" || !LABEL.test(encrypt))
    refuse(`encrypt is a label, as payments or user:42`);
  if (path !== undefined || (method !== undefined && method !== "POST"))
    refuse("an action with `encrypt` has no path and no method: a path shows its parameters");
  if (/[{*>]/.test(subject))
    refuse("the subject of an action with `encrypt` has no parameters: they would be in clear");
  if (tool === true) refuse("an action with `encrypt` is no tool: models send their input in clear");
  return encrypt;
}

function subjectOf(service: string, subject: string, refuse: (why: string) => void): string {
  if (typeof subject !== "string" || !subject.startsWith(`${service}.`))
    refuse(
      `its subject ${JSON.stringify(subject)} is not below the service's name: begin it with "${service}."`,
    );
  checkParts("subject", subject, ".", SUBJECT_PART, refuse);
  return subject;
}

function pathOf(given: string, refuse: (why: string) => void): string {
  if (typeof given !== "string") refuse("its path is no text");
  const path = given.startsWith("/") ? given : `/${given}`;
  checkParts("path", path.slice(1), "/", PATH_PART, refuse);
  return path;
}

function checkParts(
  what: "subject" | "path",
  text: string,
  separator: "." | "/",
  form: RegExp,
  refuse: (why: string) => void,
): void {
  const parts = partsOf(text, separator);
  const names = parts.flatMap(({ name }) => name ?? []);
  if (new Set(names).size < names.length) refuse(`its ${what} ${text} names one parameter twice`);
  const bad = parts.find(({ part }, at) => !form.test(part) && !(part === ">" && at === parts.length - 1));
  if (bad !== undefined)
    refuse(
      `its ${what} ${text} has the part ${JSON.stringify(bad.part)}: a part is a text, {name} or *, the last one may be >`,
    );
}

function errorsOf(
  declared: ReadonlyMap<string, DeclaredError>,
  names: readonly string[] | undefined,
  refuse: (why: string) => void,
): ReadonlyMap<string, DeclaredError> {
  if (names === undefined) return declared;
  const stranger = names.find((name) => !declared.has(name));
  if (stranger !== undefined)
    refuse(`the service declares no error ${stranger}; write it into its \`errors\``);
  return new Map([...declared].filter(([name]) => names.includes(name)));
}

/** The errors that a service declares. Error: ServiceFault. */
export function declareErrors(errors: Readonly<Record<string, DeclaredError>>): Map<string, DeclaredError> {
  for (const [name, error] of Object.entries(errors)) {
    const refuse = (why: string) => {
      throw new ServiceFault("SERVICE_INVALID", `error ${JSON.stringify(name)}: ${why}`);
    };
    if (!NAME.test(name)) refuse("a name has 1 to 64 characters out of A-Z, a-z, 0-9 and _");
    if (typeof error !== "object" || error === null) refuse("write { status: 404, data: schema }");
    refuseUnknown(`error "${name}"`, error, ["status", "data"]);
    if (!Number.isInteger(error.status) || error.status < 400 || error.status > 599)
      refuse("its status is a number from 400 to 599");
    if (error.data !== undefined && !isSchema(error.data)) refuse("its data is no schema");
  }
  return new Map(Object.entries(errors));
}

/** The HTTP paths of methods, by their annotations `google.api.http`. */
import {
  type DescMethod,
  type DescService,
  getExtension,
  hasExtension,
  type Message,
  type Registry,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";

/** A path of a method. The form in which the run-time reads it is `RestRule` of functions/sdk/grpc/rest-router.ts. */
export interface HttpRule {
  readonly method: string;
  /** `*`: every method of HTTP. */
  readonly verb: string;
  /** A pattern for the whole path, a group for each variable. */
  readonly pattern: string;
  readonly fields: readonly string[];
  readonly body: string;
  readonly responseBody: string;
  /** The route of narun.yaml that has the path: exact, or a prefix with a star. */
  readonly route: string;
}

/** A rule that cannot be served. */
export class HttpRuleError extends Error {
  readonly method: DescMethod;
  readonly hint: string;

  constructor(method: DescMethod, message: string, hint: string) {
    super(message);
    this.method = method;
    this.hint = hint;
  }
}

interface RuleFields {
  verb: string;
  path: string;
  body: string;
  responseBody: string;
  more: Message[];
}

/** The rules of a service. Error: HttpRuleError. */
export function httpRulesOf(service: DescService, registry: Registry): HttpRule[] {
  const extension = registry.getExtension("google.api.http");
  if (extension === undefined || extension.fieldKind !== "message") return [];
  return service.methods.flatMap((method) => {
    const { options } = method.proto;
    if (options === undefined || !hasExtension(options, extension)) return [];
    const rule = fieldsOf(method, getExtension(options, extension) as Message, registry);
    const rules = [rule, ...rule.more.map((one) => fieldsOf(method, one, registry))];
    return rules.map((one) => ruleOf(method, one));
  });
}

const VERBS = ["get", "put", "post", "delete", "patch"];

function fieldsOf(method: DescMethod, message: Message, registry: Registry): RuleFields {
  const desc = registry.getMessage("google.api.HttpRule");
  if (desc === undefined)
    throw new HttpRuleError(method, "the annotation has no type", "import google/api/annotations.proto");
  const rule = reflect(desc, message);
  const text = (name: string): string => {
    const field = desc.fields.find((one) => one.name === name);
    return field === undefined ? "" : String(rule.get(field));
  };
  const responseBody = text("response_body");
  const body = text("body");
  const more = (message as { additionalBindings?: Message[] }).additionalBindings ?? [];
  const { pattern } = message as { pattern?: { case?: string; value?: unknown } };
  if (pattern?.case !== undefined && VERBS.includes(pattern.case)) {
    return { verb: pattern.case.toUpperCase(), path: String(pattern.value), body, responseBody, more };
  }
  if (pattern?.case === "custom") {
    const { kind, path } = pattern.value as { kind: string; path: string };
    return { verb: kind, path, body, responseBody, more };
  }
  throw new HttpRuleError(
    method,
    "the annotation google.api.http names no path",
    'write one, as in get: "/v1/things/{id}"',
  );
}

function ruleOf(method: DescMethod, { verb, path, body, responseBody }: RuleFields): HttpRule {
  const template = readTemplate(method, path);
  for (const field of template.fields) checkField(method, field);
  if (body !== "" && body !== "*") checkField(method, body);
  const output = method.output.fields.some(({ name }) => name === responseBody);
  if (responseBody !== "" && !output) {
    throw new HttpRuleError(
      method,
      `${method.output.typeName} has no field ${responseBody}`,
      "name a field of the reply in response_body",
    );
  }
  return { method: method.localName, verb, body, responseBody, ...template };
}

function checkField(method: DescMethod, path: string): void {
  let message: DescMethod["input"] | undefined = method.input;
  for (const name of path.split(".")) {
    const field: DescMethod["input"]["fields"][number] | undefined = message?.fields.find(
      (one) => one.name === name,
    );
    if (field === undefined) {
      const known = method.input.fields.map((one) => one.name).join(", ");
      throw new HttpRuleError(method, `${method.input.typeName} has no field ${path}`, `it has ${known}`);
    }
    message = field.fieldKind === "message" ? field.message : undefined;
  }
}

const PART = /\/|\*\*|\*|\{([\w.]+)(?:=([^{}]*))?\}|:[\w.~-]+$|[\w.~!$&'()+,;@%-]+/y;
const ONE = "[^/:]+";
const ANY = ".+";

/** A path template (the grammar of google/api/http.proto): its pattern and variables, and the route that leads to it. */
function readTemplate(method: DescMethod, path: string): Pick<HttpRule, "pattern" | "fields" | "route"> {
  const malformed = (why: string) =>
    new HttpRuleError(
      method,
      `the path ${JSON.stringify(path)} of google.api.http is malformed: ${why}`,
      "a path is as /v1/{name=things/*}:verb",
    );
  if (!path.startsWith("/") || (path.length > 1 && path.endsWith("/")))
    throw malformed("it starts with /, and does not end so");
  let [pattern, at] = ["", 0];
  const fields: string[] = [];
  while (at < path.length) {
    PART.lastIndex = at;
    const match = PART.exec(path);
    if (match === null) throw malformed(`unexpected ${JSON.stringify(path.slice(at))}`);
    const [text, name, inner] = match;
    if (name !== undefined) {
      if (fields.includes(name)) throw malformed(`${name} occurs twice`);
      fields.push(name);
      pattern += `(${(inner ?? "*")
        .split(/(\*\*|\*)/)
        .map(segment)
        .join("")})`;
    } else pattern += segment(text);
    at += text.length;
  }
  return { pattern, fields, route: routeOf(path) };
}

function segment(text: string): string {
  if (text === "**") return ANY;
  return text === "*" ? ONE : RegExp.escape(text);
}

/** The fixed part of a template, up to its last slash, as a prefix. A template without variables is itself a route. */
function routeOf(path: string): string {
  const variable = path.search(/[{*]/);
  if (variable < 0) return path;
  return `${path.slice(0, path.lastIndexOf("/", variable))}/*`;
}

/**
 * One call of an action by a message: the message becomes the action's input, and its answer a message. It is imported with the first
 * call, as json-codec.ts is.
 */
import type { DescMessage, JsonValue, Message } from "@bufbuild/protobuf";
import type { Action } from "../service/action.ts";
import { jsonSchemaOf } from "../service/standard-schema.ts";
import type { ActionMethod } from "./action-method.ts";
import { statusOfProblem } from "./action-status.ts";
import type { GrpcContext } from "./call.ts";
import { GrpcError } from "./grpc-error.ts";
import { useJson } from "./json-codec.ts";
import { withNumbers } from "./wide-numbers.ts";

export async function callAction(
  method: ActionMethod,
  message: Message,
  call: GrpcContext<unknown>,
): Promise<unknown> {
  const { desc, action, actions, codec } = method;
  const json = useJson(codec);
  const input = withSchema(desc.input, json.whole(desc.input, message), action);
  const response = await actions.fetch(requestOf(action.name, input, call), call.env, call);
  const text = await response.text();
  if (response.status >= 400) {
    const facts = { status: response.status, text, service: actions["~service"].name };
    throw statusOfProblem({ ...facts, messages: codec.file.messages });
  }
  try {
    return json.read(desc.output, text === "" ? {} : (JSON.parse(text) as JsonValue));
  } catch (error) {
    // biome-ignore lint/suspicious/noConsole: the log of the function.
    console.error(
      `INVALID_OUTPUT: the answer of ${action.name} is no ${desc.output.typeName}: ${placeOf(error)}`,
    );
    throw new GrpcError("INTERNAL", `the action's answer is no ${desc.output.typeName}`, { cause: error });
  }
}

/** The request of a call by name (contracts/service-description.ts, D3), with the caller's metadata. */
function requestOf(name: string, input: JsonValue, { request }: GrpcContext<unknown>): Request {
  const headers = new Headers(request.headers);
  for (const field of [...headers.keys()]) if (isOfTheCall(field)) headers.delete(field);
  headers.set("content-type", "application/json");
  const url = `http://${request.headers.get("host") ?? "service"}/.narun/action/${name}`;
  return new Request(url, { method: "POST", headers, body: JSON.stringify(input) });
}

function isOfTheCall(field: string): boolean {
  return field.startsWith("content-") || field.startsWith("grpc-") || field === "te";
}

function withSchema(input: DescMessage, json: JsonValue, { input: schema }: Action): JsonValue {
  if (schema === undefined) return json;
  try {
    return withNumbers(input, json, jsonSchemaOf(schema, "input"));
  } catch {
    return json;
  }
}

/** The library's errors name the field first; the value behind it stays out of the log. */
function placeOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /^cannot decode (?:message|field) [\w.]+(?: from JSON)?/.exec(text)?.[0] ?? "it does not fit";
}

/**
 * HTTP and JSON by the annotations of `google.api.http`: the path and the query have fields of the request, the body the rest.
 * The builder reads the annotations. This module is in a bundle only where there are some.
 */
import type { DescMessage, Message } from "@bufbuild/protobuf";
import { AnswerStream, iteratorOf } from "./answer-stream.ts";
import { type Call, errorOf, outputOf, readInput } from "./call.ts";
import { GrpcCode, HTTP_STATUS } from "./codes.ts";
import { inTime } from "./connect-protocol.ts";
import { GrpcError } from "./grpc-error.ts";
import { useJson } from "./json-codec.ts";
import { isMetadata } from "./metadata.ts";
import { isJson, type Json, setField } from "./rest-fields.ts";
import type { RestRule } from "./rest-rule.ts";

export interface RestCall {
  readonly rule: RestRule;
  /** The values of the rule's fields in the path. */
  readonly values: readonly string[];
  readonly query: string;
}

export async function serveRest(call: Call, { rule, values, query }: RestCall): Promise<Response> {
  const [, , , fields, body, responseBody] = rule;
  useJson(call.target.codec);
  try {
    const input = await readRequest(call, { fields, values, body, query });
    const { methodKind } = call.target.desc;
    if (methodKind === "server_streaming") return await answerLines(call, input);
    if (methodKind !== "unary") {
      throw new GrpcError(
        "UNIMPLEMENTED",
        "a stream of requests has no form in JSON: call it by gRPC or Connect",
      );
    }
    return answer(call, await inTime(call, call.run(input)), responseBody);
  } catch (thrown) {
    return refuse(call, errorOf(thrown, call));
  }
}

interface Parts {
  fields: readonly string[];
  values: readonly string[];
  body: string;
  query: string;
}

async function readRequest(call: Call, { fields, values, body, query }: Parts): Promise<Message> {
  const { desc, codec, maxMessageBytes } = call.target;
  const json: Json = body === "" ? {} : await readBody(call, body, maxMessageBytes);
  if (body !== "*") {
    const parameters = new URLSearchParams(query);
    for (const name of new Set(parameters.keys())) setField(json, desc.input, name, parameters.getAll(name));
  }
  for (const [index, name] of fields.entries()) {
    setField(json, desc.input, name, [decodeSegment(values[index] ?? "")]);
  }
  return readInput(desc.input, () => useJson(codec).parse(desc.input, JSON.stringify(json)));
}

async function readBody(call: Call, body: string, maxBytes: number): Promise<Json> {
  const text = await call.request.text();
  if (text.length > maxBytes)
    throw new GrpcError("RESOURCE_EXHAUSTED", `the body has more than ${maxBytes} bytes`);
  const { input } = call.target.desc;
  const value: unknown = readInput(input, () => (text === "" ? {} : JSON.parse(text)));
  if (body !== "*") {
    const field = input.fields.find(({ name }) => name === body);
    return { [field?.jsonName ?? body]: value };
  }
  if (isJson(value)) return value;
  throw new GrpcError("INVALID_ARGUMENT", "the body is no JSON object");
}

/** A slash within a value of several segments stays encoded, so that it is told from one between segments. */
function decodeSegment(value: string): string {
  try {
    if (!value.includes("/")) return decodeURIComponent(value);
    return value
      .split(/(%2f)/i)
      .map((part, at) => (at % 2 === 1 ? part : decodeURIComponent(part)))
      .join("");
  } catch {
    throw new GrpcError("INVALID_ARGUMENT", "the path has a malformed percent-encoding");
  }
}

function answer(call: Call, value: unknown, responseBody: string): Response {
  const { desc, codec } = call.target;
  const output = outputOf(desc.output, value);
  if (desc.output.typeName === "google.api.HttpBody") return rawAnswer(call, output as HttpBody);
  let text = useJson(codec).text(desc.output, output);
  if (responseBody !== "") {
    const field = desc.output.fields.find(({ name }) => name === responseBody);
    text = JSON.stringify((JSON.parse(text) as Json)[field?.jsonName ?? responseBody] ?? null);
  }
  return new Response(text, { headers: headOf(call, "application/json", true) });
}

interface HttpBody {
  contentType?: string;
  data?: Uint8Array<ArrayBuffer>;
}

/** `google.api.HttpBody`: the answer is its data, under its content type. */
function rawAnswer(call: Call, { contentType, data }: HttpBody): Response {
  return new Response(data ?? new Uint8Array(), {
    headers: headOf(call, contentType || "application/octet-stream", true),
  });
}

/** A stream of answers: a line of JSON for each message, and a last line `{"error":{…}}` after a failure. */
async function answerLines(call: Call, input: Message): Promise<Response> {
  const { desc, codec } = call.target;
  const line = (text: string) => new TextEncoder().encode(`${text}\n`);
  const stream = new AnswerStream(iteratorOf(call.run(input), call.method), {
    encode: (value) => line(useJson(codec).text(desc.output, outputOf(desc.output, value))),
    end: (error) => error && line(JSON.stringify({ error: errorJson(errorOf(error.thrown, call), call) })),
  });
  await stream.first();
  return new Response(stream.body(), { headers: headOf(call, "application/x-ndjson", false) });
}

function refuse(call: Call, error: GrpcError): Response {
  const head = headOf(call, "application/json", true);
  for (const [name, value] of error.metadata) if (isMetadata(name)) head.append(name, value);
  return new Response(JSON.stringify(errorJson(error, call)), {
    status: HTTP_STATUS[error.code],
    headers: head,
  });
}

/** `google.rpc.Status` in JSON. A detail of an unknown type has its type alone. */
function errorJson(error: GrpcError, call: Call): object {
  const json = useJson(call.target.codec);
  const details = error.details.map(({ type, value }) => {
    const schema: DescMessage | undefined = json.schemaOf(type);
    const url = { "@type": `type.googleapis.com/${type}` };
    if (schema === undefined) return url;
    const message = call.target.codec.decode("proto", schema, value);
    return { ...url, ...(json.value(schema, message) as object) };
  });
  return { code: GrpcCode[error.code], message: error.message, details };
}

function headOf(call: Call, contentType: string, withTrailers: boolean): Headers {
  const head = new Headers();
  head.set("content-type", contentType);
  for (const [name, value] of call.ownHeaders ?? []) head.append(name, value);
  if (withTrailers) for (const [name, value] of call.ownTrailers ?? []) head.append(name, value);
  return head;
}

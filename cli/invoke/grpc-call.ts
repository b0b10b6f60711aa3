/** A call of a function's gRPC method with messages as JSON (`narun invoke --grpc`). */
import { type CalledMethod, findMethod } from "../../builder/index.ts";
import {
  decodeReply,
  decodeTrailers,
  errorEntry,
  frameMessage,
  type GrpcCodeName,
  grpcCodes,
  MessageReader,
  messageOf,
  NarunError,
  NO_FIELDS,
  nearest,
  splitTrailers,
  trailingStatus,
} from "../../contracts/index.ts";
import { findGrpcService } from "../../control/index.ts";
import type { Nats } from "../../nats/index.ts";
import { wrongUse } from "../options/values.ts";
import type { Output } from "../output/output.ts";
import { type AnsweredCall, type Call, readBody, withAnswer } from "./service-call.ts";

export interface GrpcCallOptions {
  /** `pkg.Service/Method` */
  method: string;
  /** The function that takes the call. Default: the encoding that gateways choose. */
  name: string | undefined;
  /** One message, or for a method that takes a stream one on each line. */
  data: string | undefined;
  /** Metadata. */
  fields: [string, string][];
}

/** The end of a call. */
interface Ended {
  code: GrpcCodeName;
  message: string;
  details: unknown[];
  trailing: string[];
}

/** Calls the method, and shows each reply as it comes. Errors: USAGE, GRPC_UNKNOWN, and the errors of a request. */
export async function invokeGrpc(nats: Nats, output: Output, options: GrpcCallOptions): Promise<void> {
  const { service, name: methodName } = partsOf(options.method);
  const { function: found, descriptors } = await findGrpcService(nats, service, options.name);
  const method = await findMethod(descriptors, service, methodName);
  if (method === undefined || Array.isArray(method)) throw unknownMethod(service, methodName, method ?? []);
  const request: Call = {
    method: "POST",
    path: method.path,
    trigger: undefined,
    fields: [...options.fields, ["content-type", "application/grpc+proto"], ["te", "trailers"]],
    body: bodyOf(method, options.data),
  };
  const progress = output.progress(`waiting for ${found}`);
  try {
    await withAnswer(nats, found, request, async (reply) => {
      progress.end();
      await show(output, method, reply);
    });
  } finally {
    progress.end();
  }
}

function partsOf(method: string): { service: string; name: string } {
  const [, service, name] = /^\/?([\w.]+)\/(\w+)$/.exec(method) ?? [];
  if (service === undefined || name === undefined)
    throw wrongUse(`--grpc takes a service and its method, such as pkg.Greeter/SayHello, not ${method}`);
  return { service, name };
}

function unknownMethod(service: string, name: string, methods: readonly string[]): NarunError {
  const meant = nearest(name, methods);
  const hint =
    meant === undefined ? `; it has ${methods.join(", ") || "none"}` : `; did you mean "${meant}"?`;
  return new NarunError("GRPC_UNKNOWN", { detail: `${service} has no method ${name}${hint}` });
}

function bodyOf(method: CalledMethod, data: string | undefined): Uint8Array {
  const texts = method.takesStream
    ? (data ?? "").split("\n").filter((line) => line.trim() !== "")
    : [data ?? "{}"];
  const messages = texts.map((text, index) => {
    try {
      return frameMessage(method.encode(text));
    } catch (error) {
      const place = method.takesStream ? ` ${index + 1}` : "";
      throw wrongUse(`--data: message${place} of ${method.path}: ${messageOf(error)}`);
    }
  });
  return Buffer.concat(messages);
}

async function show(output: Output, method: CalledMethod, reply: AnsweredCall): Promise<void> {
  const decoded = decodeReply(reply.message, { names: "as-sent", omitted: NO_FIELDS });
  if (decoded.kind === "failed") throw new NarunError(decoded.code);
  if (decoded.kind === "service-error") throw new NarunError("SERVICE_ERROR");
  const { initial, trailing } = splitTrailers(decoded.fields);
  const reader = new MessageReader({ maxBytes: Number.POSITIVE_INFINITY, mayCompress: false });
  const messages: unknown[] = [];
  const end = await readBody(reply, async (piece) => {
    const read = reader.add(piece);
    if (!Array.isArray(read)) throw new NarunError("BAD_REPLY");
    for (const { data } of read) {
      const message = method.decode(data);
      if (output.isJson) messages.push(message);
      else output.line(JSON.stringify(message));
    }
  });
  const late = end?.kind === "whole" ? (decodeTrailers(end.trailers) ?? []).flat() : [];
  const ended = endOf(method, [...trailing, ...late]);
  if (ended.code !== "OK") process.exitCode = 1;
  if (output.isJson)
    output.json({ ...ended, messages, metadata: pairsOf(initial), trailing: pairsOf(ended.trailing) });
  else if (ended.code !== "OK") {
    output.error(`narun: ${ended.code}: ${ended.message}`);
    for (const detail of ended.details) output.error(JSON.stringify(detail));
  }
}

function endOf(method: CalledMethod, trailing: readonly string[]): Ended {
  const status = trailingStatus(trailing);
  if (status === undefined)
    return { code: "INTERNAL", message: errorEntry("BAD_REPLY").title, details: [], trailing: [] };
  const code = Object.entries(grpcCodes).find(([, number]) => number === status.code)?.[0] ?? "UNKNOWN";
  return {
    code: code as GrpcCodeName,
    message: status.message,
    details: method.decodeDetails(
      Buffer.from(fieldOf(status.fields, "grpc-status-details-bin") ?? "", "base64"),
    ),
    trailing: status.fields,
  };
}

function fieldOf(fields: readonly string[], name: string): string | undefined {
  const at = fields.findIndex((field, index) => index % 2 === 0 && field.toLowerCase() === name);
  return at === -1 ? undefined : fields[at + 1];
}

/** Names in lower case with their values, without those of gRPC itself. */
function pairsOf(fields: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = (fields[at] ?? "").toLowerCase();
    if (!name.startsWith("grpc-")) pairs.push([name, fields[at + 1] ?? ""]);
  }
  return pairs;
}

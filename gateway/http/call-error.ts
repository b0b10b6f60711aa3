/**
 * Errors of the gateway, as callers of gRPC-Web and Connect read them: clients of both take any other answer for one of a foreign
 * server, and keep neither its code nor its text.
 */
import type { IncomingMessage } from "node:http";
import { type GrpcCode, grpcCodes, type Problem } from "../../contracts/index.ts";
import { fieldsOf, statusOf } from "../grpc/status.ts";
import { errorDetails } from "../grpc/status-details.ts";
import type { GatewayResponse } from "./gateway-response.ts";

type CallForm =
  | { kind: "grpc-web"; type: string; isText: boolean }
  | { kind: "connect-stream"; type: string }
  | { kind: "connect" };

const GRPC_WEB = /^application\/grpc-web(?<text>-text)?(?:\+[\w.-]+)?$/;
const CONNECT_STREAM = /^application\/connect\+[\w.-]+$/;
const CONNECT_UNARY = /^application\/(?:json|proto)$/;

/** The answer in the form of the call; the same one where the request is no call, or the answer no error of the gateway. */
export function asCallError(incoming: IncomingMessage, response: GatewayResponse): GatewayResponse {
  const { problem } = response;
  const form = problem === undefined ? undefined : formOf(incoming);
  if (problem === undefined || form === undefined) return response;
  const { status, type, body } = bodyOf(form, problem);
  const kept = pairsOf(response.headers).filter(([name]) => !/^content-(?:type|length)$/i.test(name));
  const headers = ["Content-Type", type, "Content-Length", String(body.byteLength), ...kept.flat()];
  return { status, headers, body };
}

/** A call of Connect without its own field is an ordinary request, as of curl, and gets an ordinary error. */
function formOf({ method, headers, url = "" }: IncomingMessage): CallForm | undefined {
  if (method === "GET") return /[?&]connect=v1(?:&|$)/.test(url) ? { kind: "connect" } : undefined;
  if (method !== "POST") return undefined;
  const type = (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  const web = GRPC_WEB.exec(type);
  if (web !== null) return { kind: "grpc-web", type, isText: web.groups?.text !== undefined };
  if (CONNECT_STREAM.test(type)) return { kind: "connect-stream", type };
  const isConnect = CONNECT_UNARY.test(type) && headers["connect-protocol-version"] !== undefined;
  return isConnect ? { kind: "connect" } : undefined;
}

function bodyOf(form: CallForm, problem: Problem): { status: number; type: string; body: Buffer } {
  if (form.kind === "grpc-web") {
    const frame = trailersFrame(problem);
    const body = form.isText ? Buffer.from(frame.toString("base64")) : frame;
    return { status: 200, type: form.type, body };
  }
  const { code, message } = statusOf(problem.code, problem.detail);
  const details = errorDetails(problem.code, problem.requestId).map(({ type, value }) => ({
    type,
    value: Buffer.from(value).toString("base64").replace(/=+$/, ""),
  }));
  const error = { code: CONNECT[code].name, message, details };
  if (form.kind === "connect")
    return {
      status: CONNECT[code].status,
      type: "application/json",
      body: Buffer.from(JSON.stringify(error)),
    };
  const end = Buffer.from(JSON.stringify({ error }));
  return { status: 200, type: form.type, body: framed(END_OF_STREAM, end) };
}

/** The last frame of gRPC-Web: its payload are fields as in HTTP/1.1. */
function trailersFrame({ code, detail, requestId }: Problem): Buffer {
  const fields = pairsOf(fieldsOf(statusOf(code, detail), requestId));
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`);
  return framed(TRAILERS, Buffer.from(lines.join(""), "latin1"));
}

const TRAILERS = 0x80;
const END_OF_STREAM = 2;

function framed(flag: number, payload: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flag, 0);
  prefix.writeUInt32BE(payload.byteLength, 1);
  return Buffer.concat([prefix, payload]);
}

function pairsOf(list: readonly string[]): [string, string][] {
  return Array.from({ length: list.length >> 1 }, (_, at) => [list[2 * at] ?? "", list[2 * at + 1] ?? ""]);
}

/** Connect's names of the codes, and the status of a unary answer (the Connect protocol, "Error codes"). */
const CONNECT: Record<GrpcCode, { name: string; status: number }> = {
  [grpcCodes.OK]: { name: "unknown", status: 500 },
  [grpcCodes.CANCELLED]: { name: "canceled", status: 499 },
  [grpcCodes.UNKNOWN]: { name: "unknown", status: 500 },
  [grpcCodes.INVALID_ARGUMENT]: { name: "invalid_argument", status: 400 },
  [grpcCodes.DEADLINE_EXCEEDED]: { name: "deadline_exceeded", status: 504 },
  [grpcCodes.NOT_FOUND]: { name: "not_found", status: 404 },
  [grpcCodes.ALREADY_EXISTS]: { name: "already_exists", status: 409 },
  [grpcCodes.PERMISSION_DENIED]: { name: "permission_denied", status: 403 },
  [grpcCodes.RESOURCE_EXHAUSTED]: { name: "resource_exhausted", status: 429 },
  [grpcCodes.FAILED_PRECONDITION]: { name: "failed_precondition", status: 400 },
  [grpcCodes.ABORTED]: { name: "aborted", status: 409 },
  [grpcCodes.OUT_OF_RANGE]: { name: "out_of_range", status: 400 },
  [grpcCodes.UNIMPLEMENTED]: { name: "unimplemented", status: 501 },
  [grpcCodes.INTERNAL]: { name: "internal", status: 500 },
  [grpcCodes.UNAVAILABLE]: { name: "unavailable", status: 503 },
  [grpcCodes.DATA_LOSS]: { name: "data_loss", status: 500 },
  [grpcCodes.UNAUTHENTICATED]: { name: "unauthenticated", status: 401 },
};

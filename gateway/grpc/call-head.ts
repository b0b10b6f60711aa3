/** The head of a call: its method, its protocol and its metadata. */
import type { IncomingHttpHeaders } from "node:http2";
import { parseGrpcTimeout } from "../../contracts/index.ts";
import type { Deadline } from "./status.ts";

export interface CallHead {
  /** `/pkg.Svc/Method`, as the client wrote it. */
  path: string;
  /** `pkg.Svc` */
  service: string;
  /** As the client named it. */
  contentType: string;
  /** Undefined: the client waits. */
  deadline: Deadline | undefined;
  /** `grpc-encoding` */
  encoding: string;
  /** Whether messages may be compressed. */
  mayCompress: boolean;
}

/** Why a request is no call of gRPC. */
export type NoCall =
  /** An answer of HTTP: the client speaks no gRPC. */
  | { kind: "http"; status: number; allow?: string }
  | { kind: "unimplemented"; message: string }
  | { kind: "malformed"; message: string };

const PATH = /^\/(?<service>[^/?#\s]{1,255})\/[^/?#\s]{1,255}$/;
const CONTENT_TYPE = /^application\/grpc(?:$|\+|;)/;

/** Upper bound of a timer of Node. A longer wait has no end. */
const MAX_TIMEOUT_MS = 2_147_483_647;

export function readCallHead(headers: IncomingHttpHeaders): CallHead | NoCall {
  if (headers[":method"] !== "POST") return { kind: "http", status: 405, allow: "POST" };
  const contentType = headers["content-type"] ?? "";
  // `application/grpc-web` is another protocol, which the HTTP door passes on.
  if (!CONTENT_TYPE.test(contentType)) return { kind: "http", status: 415 };
  const path = headers[":path"] ?? "";
  const service = PATH.exec(path)?.groups?.service;
  if (service === undefined)
    return { kind: "unimplemented", message: "the path of a call is /package.Service/Method" };
  const timeout = headers["grpc-timeout"];
  const timeoutMs = typeof timeout === "string" ? parseGrpcTimeout(timeout) : undefined;
  if (timeout !== undefined && timeoutMs === undefined)
    return { kind: "malformed", message: "grpc-timeout has at most eight digits and a unit of HMSmun" };
  const encoding = String(headers["grpc-encoding"] ?? "identity");
  return {
    path,
    service,
    contentType,
    deadline: deadlineOf(timeoutMs),
    encoding,
    mayCompress: encoding !== "identity",
  };
}

function deadlineOf(timeoutMs: number | undefined): Deadline | undefined {
  if (timeoutMs === undefined || timeoutMs > MAX_TIMEOUT_MS) return undefined;
  return { timeoutMs, endsAtMs: performance.now() + timeoutMs };
}

export function isCall(head: CallHead | NoCall): head is CallHead {
  return !("kind" in head);
}

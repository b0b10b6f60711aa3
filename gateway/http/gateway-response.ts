import {
  createProblem,
  type ErrorCode,
  errorEntry,
  explainFailure,
  type FunctionSpec,
  PROBLEM_CONTENT_TYPE,
  type Problem,
  RETRY_AFTER_SECONDS,
} from "../../contracts/index.ts";

/** An answer, ready to be written: every field is valid, and the length of the body is set. */
export interface GatewayResponse {
  status: number;
  /** Names and values alternating, one character a byte. */
  headers: string[];
  /** Undefined: the answer has no body. */
  body: Uint8Array | undefined;
  /** The error of the catalogue that it is. */
  problem?: Problem;
}

/** The answer that is an error of the catalogue. `extra` are further header fields, names and values alternating. */
export function problemResponse(
  code: ErrorCode,
  requestId: string,
  detail?: string,
  extra: readonly string[] = [],
): GatewayResponse {
  return responseOf(createProblem(code, requestId, detail), extra);
}

/** The target of a request. */
export interface Destination {
  service: string;
  /** Undefined for a service. */
  spec: FunctionSpec | undefined;
}

export interface FailureFacts {
  /** The value of the limit that was met, as the reply says it. */
  limit?: number | undefined;
  /** A service's own status. Default: the code's. */
  status?: number | undefined;
  /** The required services that do not run. */
  waitsFor?: readonly string[] | undefined;
}

/** The answer where a function, or a service, failed. Its own text stays inside. */
export function failureResponse(
  code: ErrorCode,
  requestId: string,
  { service: name, spec }: Destination,
  { limit, status, waitsFor }: FailureFacts = {},
): GatewayResponse {
  const kind = spec === undefined ? "service" : "function";
  const problem = createProblem(
    code,
    requestId,
    explainFailure(code, { name, kind, limits: spec?.limits, limit, waitsFor }),
  );
  return responseOf(status === undefined ? problem : { ...problem, status }, []);
}

function responseOf(problem: Problem, extra: readonly string[]): GatewayResponse {
  const body = Buffer.from(JSON.stringify(problem));
  const headers = ["Content-Type", PROBLEM_CONTENT_TYPE, "Content-Length", String(body.length), ...extra];
  if (errorEntry(problem.code).retryable === true) headers.push("Retry-After", String(RETRY_AFTER_SECONDS));
  return { status: problem.status, headers, body, problem };
}

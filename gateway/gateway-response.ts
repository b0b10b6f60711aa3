import {
  createProblem,
  type ErrorCode,
  errorEntry,
  PROBLEM_CONTENT_TYPE,
  type Problem,
} from "../contracts/index.ts";

/** An answer, ready to be written: every field is valid, and the body's length is among them. */
export interface GatewayResponse {
  status: number;
  /** Names and values alternating, one character a byte. */
  headers: string[];
  /** Undefined: the answer has no body. */
  body: Uint8Array | undefined;
}

/** What `Retry-After` says, in seconds: about as long as a node needs to come back into view. */
const RETRY_AFTER_SECONDS = 2;

/** The answer that is an error of the catalogue. `extra` are further header fields, names and values alternating. */
export function problemResponse(
  code: ErrorCode,
  requestId: string,
  detail?: string,
  extra: readonly string[] = [],
): GatewayResponse {
  return responseOf(createProblem(code, requestId, detail), extra);
}

/** The answer to a service that failed with an HTTP status of its own: the status goes on, its text does not. */
export function serviceErrorResponse(status: number, requestId: string): GatewayResponse {
  return responseOf({ ...createProblem("SERVICE_ERROR", requestId), status }, []);
}

function responseOf(problem: Problem, extra: readonly string[]): GatewayResponse {
  const body = Buffer.from(JSON.stringify(problem));
  const headers = ["Content-Type", PROBLEM_CONTENT_TYPE, "Content-Length", String(body.length), ...extra];
  if (errorEntry(problem.code).retryable === true) headers.push("Retry-After", String(RETRY_AFTER_SECONDS));
  return { status: problem.status, headers, body };
}

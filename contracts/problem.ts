import { type ErrorCode, errorEntry } from "./error-catalogue.ts";

/** The body of an error answer (RFC 9457, `application/problem+json`). Nothing internal is ever in it. */
export interface Problem {
  /** Stable URN of the code. */
  type: string;
  title: string;
  status: number;
  code: ErrorCode;
  detail?: string;
  requestId: string;
}

export const PROBLEM_CONTENT_TYPE = "application/problem+json";

/** Builds the problem of a code that has an HTTP status; a code without one is an internal matter and answers as INTERNAL. */
export function createProblem(code: ErrorCode, requestId: string, detail?: string): Problem {
  const { title, status } = errorEntry(code);
  if (status === undefined) return createProblem("INTERNAL", requestId);
  return {
    type: `urn:narun:error:${code}`,
    title,
    status,
    code,
    ...(detail === undefined ? {} : { detail }),
    requestId,
  };
}

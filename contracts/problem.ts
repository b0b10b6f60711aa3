import { type ErrorCode, errorEntry, solveOf } from "./error-catalogue.ts";
import type { Limits } from "./function-config.ts";

/** The body of an error answer (RFC 9457, `application/problem+json`). It has nothing internal. */
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

/** The value of `Retry-After`, in seconds: about the time after which a restarted node is known again. */
export const RETRY_AFTER_SECONDS = 2;

/** Builds the problem of a code. A code without an HTTP status is an internal matter, and is answered as INTERNAL. */
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

/** The function or service that failed a request. */
export interface Failed {
  name: string;
  /** narun does not run a service, and knows neither its limits nor its log. */
  kind: "function" | "service";
  limits?: Limits | undefined;
  /** The value of the limit that was met, where it differs from `limits`: a node may allow less. */
  limit?: number | undefined;
  /** The services that it waits for. */
  waitsFor?: readonly string[] | undefined;
}

/**
 * The `detail` of a failure that the client did not cause: the function or service, the limit that was met, the advice. It
 * consists of narun's own texts and of names and numbers of narun.yaml. It has no text of the function.
 */
export function explainFailure(code: ErrorCode, { name, kind, limits, limit, waitsFor }: Failed): string {
  const { limit: key, solve } = errorEntry(code);
  if (kind === "service") {
    const advice = FOR_FUNCTIONS.test(solve) ? "" : ` ${solve}`;
    return `Service ${name}, which narun does not run.${advice}`;
  }
  const value = key === undefined ? undefined : (limit ?? limits?.[key]);
  const met = value === undefined ? "" : `, limits.${key} ${value} ${unitOf(String(key))}`;
  const waits = waitsFor === undefined ? "" : ` waits for ${waitsFor.join(", ")}`;
  return `Function ${name}${waits}${met}. ${solveOf(code, name)}`;
}

/** Advice about narun.yaml and narun's logs. A service has neither. */
const FOR_FUNCTIONS = /\blimits\.|\bNAME\b/;

function unitOf(key: string): string {
  if (key.endsWith("Ms")) return "ms";
  return key.endsWith("Mb") ? "MB" : "bytes";
}

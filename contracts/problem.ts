import { type ErrorCode, errorEntry, solveOf } from "./error-catalogue.ts";
import type { Limits } from "./function-config.ts";

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

/** Who failed a request. */
export interface Failed {
  name: string;
  /** What narun does not run is a service: its limits and its log are not narun's. */
  kind: "function" | "service";
  limits?: Limits | undefined;
  /** The limit that was met, where it is known to be another than `limits` says: a node may allow less. */
  limit?: number | undefined;
}

/**
 * The `detail` of a failure that is not the client's: who failed, the limit that was met, what can be done, where there is
 * more. All of it is narun's own words, the names and numbers of narun.yaml: nothing of what the function said.
 */
export function explainFailure(code: ErrorCode, { name, kind, limits, limit }: Failed): string {
  const { limit: key, solve } = errorEntry(code);
  if (kind === "service") {
    const advice = FOR_FUNCTIONS.test(solve) ? "" : ` ${solve}`;
    return `Service ${name}, which narun does not run.${advice}`;
  }
  const value = key === undefined ? undefined : (limit ?? limits?.[key]);
  const met = value === undefined ? "" : `, limits.${key} ${value} ${unitOf(String(key))}`;
  return `Function ${name}${met}. ${solveOf(code, name)}`;
}

/** Advice that is none for a service: it has no narun.yaml, and no log with narun. */
const FOR_FUNCTIONS = /\blimits\.| NAME`/;

function unitOf(key: string): string {
  if (key.endsWith("Ms")) return "ms";
  return key.endsWith("Mb") ? "MB" : "bytes";
}

/** Answers of a service that are errors: problems (RFC 9457), as narun's own are. */

/** The codes, as the error catalogue has them (contracts/service-errors.ts); test/services/codes.test.ts compares the two. */
export const PROBLEMS = {
  INVALID_INPUT: { title: "The input of the action does not fit its schema", status: 422 },
  INVALID_OUTPUT: { title: "The service's answer does not fit the schema of its action", status: 500 },
  ACTION_ERROR: { title: "The action failed with an error that it declares", status: 400 },
  NOT_IDEMPOTENT: { title: "A call of this action may not be sent twice", status: 409 },
  SEAL_MISSING: { title: "The value is not sealed, and has to be", status: 400 },
  SEAL_STALE: { title: "The sealed input is too old, or from the future", status: 400 },
  SEAL_REPLAYED: { title: "The sealed input was received before", status: 409 },
  NO_SUCH_ACTION: { title: "The service has no such action", status: 404 },
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

interface Facts {
  requestId: string;
  status?: number;
  detail?: string;
  [field: string]: unknown;
}

export function problem(code: ProblemCode, { requestId, status, ...facts }: Facts): Response {
  const { title, status: usual } = PROBLEMS[code];
  const body = { type: `urn:narun:error:${code}`, title, status: status ?? usual, code, ...facts, requestId };
  return new Response(JSON.stringify(body), {
    status: body.status,
    headers: { "content-type": "application/problem+json" },
  });
}

/** A refusal to open or to seal, by the code of the host. `detail`: its message, which has no part of a value. */
export function sealProblem(code: string, { requestId, detail }: Facts): Response {
  const status = code.startsWith("SEAL_") ? 400 : 503;
  const title = "The call cannot be opened or sealed here";
  const body = { type: `urn:narun:error:${code}`, title, status, code, detail, requestId };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/problem+json" },
  });
}

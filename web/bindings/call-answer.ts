/** A request of an action, its answer, and the error of a call that failed otherwise than by a declared one. */

export interface Init {
  method: "POST";
  headers: Record<string, string>;
  body?: string;
  signal: AbortSignal;
}

export interface Answer {
  status: number;
  ok: boolean;
  headers: { get(name: string): string | null };
  text(): Promise<string>;
}

/** Sends an input as JSON, and gives the answer. `query`: behind the path of the call. */
export type SendInput = (
  action: string,
  input: { query: string; json: string | undefined; signal: AbortSignal | undefined },
) => Promise<Answer>;

/** The path of a call by name (contracts/service-description.ts, D3). */
export const pathOfAction = (action: string) => `/.narun/action/${encodeURIComponent(action)}`;

/** A call that failed otherwise. `code`: of narun's error catalogue. `issues`: the fields of an input that does not fit. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
  readonly code: string;
  readonly status: number;
  readonly requestId: string | undefined;
  readonly issues: readonly { path: string; message: string }[] | undefined;

  constructor(message: string, facts: Pick<ServiceError, "code" | "status" | "requestId" | "issues">) {
    super(message);
    this.code = facts.code;
    this.status = facts.status;
    this.requestId = facts.requestId;
    this.issues = facts.issues;
  }
}

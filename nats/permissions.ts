import { PermissionViolationError } from "@nats-io/transport-node";
import { NarunError } from "../contracts/index.ts";

/** A subject that the server does not let this login use. Fields: `operation`, `subject`. */
export function refusalOf(error: unknown): NarunError | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof PermissionViolationError) return explain(cause);
    if (cause instanceof NarunError && cause.code === "NATS_PERMISSIONS_VIOLATION") return cause;
  }
  return undefined;
}

/** Hands the refusals of the server on to all parts that may wait for a reply in vain. */
export function createPermissions() {
  const listeners = new Set<(refusal: NarunError) => void>();
  return {
    note(error: Error): void {
      const refusal = refusalOf(error);
      if (refusal === undefined) return;
      for (const listener of [...listeners]) listener(refusal);
    },
    listen(this: void, listener: (refusal: NarunError) => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export type Permissions = ReturnType<typeof createPermissions>;

function explain(error: PermissionViolationError): NarunError {
  const { operation, subject, queue } = error;
  const what = operation === "publish" ? "publish to" : "subscribe to";
  const group = queue === undefined ? "" : ` in the queue group ${JSON.stringify(queue)}`;
  const detail = `this login may not ${what} ${JSON.stringify(subject)}${group}`;
  return new NarunError("NATS_PERMISSIONS_VIOLATION", { detail, operation, subject }, { cause: error });
}

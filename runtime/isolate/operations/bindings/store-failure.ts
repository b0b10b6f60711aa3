import { isNarunError } from "../../../../contracts/index.ts";
import { storeProblem } from "../../../../nats/index.ts";
import { CallError } from "../../process/host-calls.ts";

const WORDS = {
  refused: "is not permitted to this node's login to NATS",
  away: "does not answer",
  full: "has no room left",
} as const;

/** Awaits an operation of a store. A problem becomes an error with our own text, which reveals nothing of the server's. */
export async function naming<T>(bucket: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (isNarunError(error, "STORE_LIMIT"))
      throw new CallError("STORE_LIMIT", `STORE_LIMIT: ${error.fields.detail}`);
    if (isNarunError(error, "NATS_NO_MAJORITY"))
      throw new CallError("BindingError", `the bucket ${bucket} takes no writes: ${error.code}`);
    const problem = storeProblem(error);
    throw problem === undefined
      ? error
      : new CallError("BindingError", `the bucket ${bucket} ${WORDS[problem]}`);
  }
}

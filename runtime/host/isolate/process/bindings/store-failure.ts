import { isNarunError } from "../../../../../contracts/index.ts";
import { CallError } from "../host-calls.ts";

/** Awaits what a store does. Where it does not answer the isolate hears of it; nothing of the server's own words. */
export async function naming<T>(bucket: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CallError) throw error;
    const isAway = error instanceof Error && /timeout|disconnect|closed|no responders/i.test(error.message);
    if (isNarunError(error, "NATS_NO_JETSTREAM") || isAway) {
      throw new CallError("BindingError", `the bucket ${bucket} does not answer`);
    }
    throw error;
  }
}

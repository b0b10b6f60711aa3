import { JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream";
import { NarunError } from "../contracts/index.ts";
import { refusalOf } from "./permissions.ts";

/**
 * Opens something that JetStream keeps. Errors: NATS_NO_JETSTREAM, where the server or the account has none;
 * NATS_PERMISSIONS_VIOLATION.
 */
export async function needsJetStream<T>(open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal !== undefined) throw refusal;
    if (!isWithoutJetStream(error)) throw error;
    throw new NarunError("NATS_NO_JETSTREAM", {}, { cause: error });
  }
}

function isWithoutJetStream(error: unknown): boolean {
  if (error instanceof JetStreamApiError)
    return error.code === JetStreamApiCodes.JetStreamNotEnabledForAccount;
  // The library does not export this class.
  return error instanceof Error && error.name === "JetStreamNotEnabled";
}

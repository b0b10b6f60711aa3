import { JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream";
import { NarunError } from "../contracts/index.ts";

/** Opens something that JetStream keeps. Error: NATS_NO_JETSTREAM, where the server or the account has none. */
export async function needsJetStream<T>(open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (!isWithoutJetStream(error)) throw error;
    throw new NarunError("NATS_NO_JETSTREAM", {}, { cause: error });
  }
}

/** Whether the server or the account has no JetStream. */
export function isWithoutJetStream(error: unknown): boolean {
  if (error instanceof JetStreamApiError)
    return error.code === JetStreamApiCodes.JetStreamNotEnabledForAccount;
  // The library does not export this class.
  return error instanceof Error && error.name === "JetStreamNotEnabled";
}

import { isNarunError } from "../contracts/index.ts";

/** Does what a login may have no right to in a closed network: a node does it then, or nobody has to. */
export async function ifPermitted(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isNarunError(error) || error.code !== "NATS_PERMISSIONS_VIOLATION") throw error;
  }
}

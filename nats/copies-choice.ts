/** The number of copies of one connection (copies.ts). */
import { hasJetStreamCode, JetStreamCode } from "./jetstream-errors.ts";

/** As many servers may die as leave a majority of them: one of three. */
export const COPIES_OF_CLUSTER = 3;

/** The number of copies, and its source. */
export interface CopiesChoice {
  copies: number;
  /** The operator's number: a store that cannot have so many is an error. */
  isGiven: boolean;
}

/** Makes a stream with its copies; with one, where the cluster has fewer servers now than it had. */
export async function withCopies<T>(
  { copies, isGiven }: CopiesChoice,
  make: (replicas: number) => Promise<T>,
): Promise<T> {
  try {
    return await make(copies);
  } catch (error) {
    if (copies === 1 || isGiven || !isWithoutPeers(error)) throw error;
    return make(1);
  }
}

/** No server is left for a copy; or there is no cluster, as a server that was one of several runs alone now. */
function isWithoutPeers(error: unknown): boolean {
  return hasJetStreamCode(error, JetStreamCode.noPeersForPlacement, JetStreamCode.notClustered);
}

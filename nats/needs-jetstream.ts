/**
 * Tells apart why JetStream fails: there is none, or it is not available now. The client library says "jetstream is
 * not enabled" for both, as NATS has one answer for a subject without subscribers.
 *
 * I1  Work that is proven not to be done is tried again for a while: a cluster elects a leader within seconds.
 * I2  A minority of a cluster elects none: that is told at the first failure, once no server with a majority was found.
 * I3  Work without an answer may have been done: it is tried again only where that does no harm. In a cluster that
 *     happens while the first attempt is still waited for (ask-again.ts).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { JetStreamApiError } from "@nats-io/jetstream";
import { type NatsConnection, RequestError, TimeoutError } from "@nats-io/transport-node";
import { messageOf, NarunError } from "../contracts/index.ts";
import { askAgain } from "./ask-again.ts";
import type { ClusterView } from "./cluster-view.ts";
import { isConflict, isWithoutRoom, JetStreamCode, UNAVAILABLE_STATUS } from "./jetstream-errors.ts";
import { refusalOf } from "./permissions.ts";

/** A connection to NATS, as far as JetStream needs it. */
interface JetStreamUser {
  readonly state: string;
  /** Undefined: not known. */
  readonly cluster?:
    | (Pick<ClusterView, "isStranded" | "isCluster" | "here" | "most"> &
        Partial<Pick<ClusterView, "beginWait">>)
    | undefined;
  readonly connection: NatsConnection;
}

export interface JetStreamUse {
  /** Whether the work may be done twice. Default true: it opens, or reads. */
  mayRepeat?: boolean;
  /** It takes its time, as it moves many bytes: a second attempt beside the first would only be in its way. */
  isLong?: boolean;
}

/**
 * How long after the beginning another try may begin: an election takes 4 to 9 s where all servers have just begun. A try
 * that gets no answer takes 5 s.
 */
const TRY_MS = 12_000;
const FIRST_WAIT_MS = 50;
const MAX_WAIT_MS = 500;

/**
 * Does something with JetStream. Errors: NATS_NO_JETSTREAM, where the server or the account has none;
 * NATS_NO_MAJORITY; NATS_JETSTREAM_UNAVAILABLE; NATS_PERMISSIONS_VIOLATION.
 */
export function needsJetStream<T>(
  nats: JetStreamUser,
  work: () => Promise<T>,
  use: JetStreamUse = {},
): Promise<T> {
  let endWait: (() => void) | undefined;
  const onWait = () => {
    endWait ??= nats.cluster?.beginWait?.();
  };
  return tryFor(nats, work, use, onWait).finally(() => endWait?.());
}

async function tryFor<T>(
  nats: JetStreamUser,
  work: () => Promise<T>,
  { mayRepeat = true, isLong = false }: JetStreamUse,
  onWait: () => void,
): Promise<T> {
  const asksAgain = nats.cluster?.isCluster === true && mayRepeat && !isLong;
  const isHopeless = () => nats.cluster?.isStranded === true;
  const attempt = () => (asksAgain ? askAgain(work, { isHeld: mayPass, isHopeless, onWait }) : work());
  const endsAtMs = performance.now() + TRY_MS;
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
    try {
      return await attempt();
    } catch (error) {
      const cause = { cause: error };
      const refusal = refusalOf(error);
      if (refusal !== undefined) throw refusal;
      const problem = await findProblem(nats, error);
      if (problem === undefined) throw error;
      if (problem === "none") throw new NarunError("NATS_NO_JETSTREAM", {}, cause);
      if (nats.cluster?.isStranded === true) throw withoutMajority(nats.cluster, cause);
      const isOver = performance.now() + waitMs >= endsAtMs || (problem === "silent" && !mayRepeat);
      if (isOver) throw new NarunError("NATS_JETSTREAM_UNAVAILABLE", { detail: describe(error) }, cause);
      onWait();
      await sleep(waitMs);
    }
  }
}

/** `none`: there is no JetStream; `away`: nothing was done; `silent`: no answer. Undefined: something else. */
type Problem = "none" | "away" | "silent";

/** Whether a further attempt may succeed where this one failed. */
function mayPass(error: unknown): boolean {
  if (isConflict(error) || error instanceof TimeoutError || error instanceof RequestError) return true;
  if (error instanceof JetStreamApiError) return problemOf(error) === "away";
  return error instanceof Error && error.name === "JetStreamNotEnabled";
}

async function findProblem(nats: JetStreamUser, error: unknown): Promise<Problem | undefined> {
  // A connection that goes to another server of its cluster is there soon.
  const isMoving = nats.state === "reconnecting" && nats.cluster?.isCluster === true;
  if (isMoving && error instanceof TimeoutError) return "silent";
  if (nats.state !== "connected") return undefined;
  if (error instanceof TimeoutError) return "silent";
  if (error instanceof JetStreamApiError) return problemOf(error);
  if (isReaderLost(error)) return "away";
  // The library does not export this class.
  const isWithout = error instanceof Error && error.name === "JetStreamNotEnabled";
  if (isWithout && error.cause instanceof JetStreamApiError) return "none";
  const isNobody = error instanceof RequestError && error.isNoResponders();
  return isWithout || isNobody ? await findWhyNobody(nats) : undefined;
}

const NOT_ENABLED: readonly number[] = [JetStreamCode.notEnabledForAccount, JetStreamCode.notEnabled];
const AWAY: readonly number[] = [
  JetStreamCode.noPeersForPlacement,
  JetStreamCode.notLeader,
  JetStreamCode.wrongLastSequenceNow,
  JetStreamCode.duplicateNow,
  JetStreamCode.streamOffline,
  JetStreamCode.consumerOffline,
];

/** The consumer of a reader is gone with its server: no server has it, or its beats are missing. Not all classes are exported. */
function isReaderLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const isStatus = error.name === "JetStreamStatusError" && "code" in error;
  return (isStatus && error.code === UNAVAILABLE_STATUS) || error.name === "JetStreamError";
}

function problemOf(error: JetStreamApiError): Problem | undefined {
  const { code, status } = error;
  if (NOT_ENABLED.includes(code)) return "none";
  const isAway = AWAY.includes(code) || (status === UNAVAILABLE_STATUS && !isWithoutRoom(error));
  return isAway ? "away" : undefined;
}

/** The error of a minority. */
export function withoutMajority(
  { here, most }: Pick<ClusterView, "here" | "most">,
  cause: { cause: unknown },
): NarunError {
  return new NarunError("NATS_NO_MAJORITY", { detail: `${here} of ${most} servers are there` }, cause);
}

const ASK_TIMEOUT_MS = 2_000;
/** The leader of a cluster answers, and it is elected anew as well: its silence is no reason to be late. */
const CLUSTER_ASK_MS = 250;

/** Why a subject of JetStream has no responders: every server with JetStream answers for the account. */
async function findWhyNobody(nats: Pick<JetStreamUser, "connection" | "cluster">): Promise<Problem> {
  const timeout = nats.cluster?.isCluster === true ? CLUSTER_ASK_MS : ASK_TIMEOUT_MS;
  try {
    const reply = await nats.connection.request("$JS.API.INFO", "", { timeout });
    const { error } = reply.json<{ error?: { err_code?: number } }>();
    return NOT_ENABLED.includes(error?.err_code ?? 0) ? "none" : "away";
  } catch (error) {
    const isNobody = error instanceof RequestError && error.isNoResponders();
    // A server that has just started announces JetStream before it serves it.
    const { jetstream } = (nats.connection.info ?? {}) as { jetstream?: boolean };
    return isNobody && jetstream !== true ? "none" : "away";
  }
}

function describe(error: unknown): string {
  if (error instanceof TimeoutError) return "no answer in time";
  const { cause } = error as Error;
  return messageOf(cause instanceof RequestError ? cause : error);
}

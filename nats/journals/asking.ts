/**
 * Requests to the stream of journals. In a cluster a request without an answer goes out again: its server may have died, or hang.
 *
 * I1  A message that may not be stored twice has an id, by which the stream drops a second one.
 * I2  A minority is told as that.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { TimeoutError } from "@nats-io/transport-node";
import { NarunError, stores } from "../../contracts/index.ts";
import { askAgain } from "../ask-again.ts";
import type { Nats } from "../connection.ts";
import { isStreamMissing, JetStreamCode } from "../jetstream-errors.ts";
import type { Message } from "../message.ts";
import { withoutMajority } from "../needs-jetstream.ts";
import { NoReplyError } from "../request.ts";
import { ensureJournals } from "./ensure-journals.ts";

/** How long one request is waited for. */
export const TIMEOUT_MS = 5_000;
/** How long after the beginning another one may begin: longer than an election. */
const TRY_MS = 12_000;
const PAUSE_MS = 50;
/** How long the stream's leader may take to say that it is there. */
const LOOK_MS = 1_000;

/** A server's answer to a message. */
export interface Ack {
  /** Undefined: another message is there. */
  seq: number | undefined;
}

/** A message of the same condition, or of the same id, is being stored: perhaps an earlier attempt. */
class UnderWay extends Error {}

/** A question: it may be asked any number of times. */
export function askSurely(nats: Nats, ask: () => Promise<Message>): Promise<Message> {
  return surely(nats, () => askOnce(nats, ask));
}

/** A message with an id (I1), or with a condition that a second one breaks. */
export async function writeSurely(nats: Nats, ask: () => Promise<Message>): Promise<Ack> {
  try {
    return await surely(nats, async () => ackOf(await askOnce(nats, ask)));
  } catch (error) {
    if (error instanceof UnderWay) return { seq: undefined };
    throw error;
  }
}

async function surely<T>(nats: Nats, work: () => Promise<T>): Promise<T> {
  const { cluster } = nats;
  if (!cluster.isCluster) return work();
  const isHeld = (error: unknown) => isSilence(error) || error instanceof UnderWay;
  const endsAtMs = performance.now() + TRY_MS;
  for (;;) {
    try {
      return await askAgain(work, { isHeld, isHopeless: () => cluster.isStranded });
    } catch (error) {
      if (isSilence(error) && cluster.isStranded) throw withoutMajority(cluster, { cause: error });
      const isOver = performance.now() > endsAtMs || nats.state === "closed";
      if (!isHeld(error) || isOver) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

/** The stream is made by the first who needs it. */
async function askOnce(nats: Nats, ask: () => Promise<Message>): Promise<Message> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof NoReplyError) || error.reason !== "no-responders") throw error;
    // In a cluster a stream has no leader for a while. An order to make it would wait for the leaders of others as well.
    if (nats.cluster.isCluster && !(await isMissing(nats))) throw error;
    await ensureJournals(nats);
    return ask();
  }
}

async function isMissing({ connection }: Nats): Promise<boolean> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: LOOK_MS });
  return manager.streams.info(stores.workflows.stream).then(() => false, isStreamMissing);
}

function isSilence(error: unknown): boolean {
  return error instanceof NoReplyError || error instanceof TimeoutError;
}

interface AckBody {
  seq?: number;
  error?: { err_code?: number; description?: string };
}

function ackOf(answer: Message): Ack {
  const { seq, error } = bodyOf(answer);
  if (error === undefined && seq !== undefined) return { seq };
  const code = error?.err_code;
  if (code === JetStreamCode.wrongLastSequence) return { seq: undefined };
  if (code === JetStreamCode.wrongLastSequenceNow || code === JetStreamCode.duplicateNow)
    throw new UnderWay(error?.description);
  throw new NarunError("WORKFLOW_JOURNAL_REFUSED", {
    detail: error?.description ?? "the stream did not acknowledge a message",
  });
}

function bodyOf(answer: Message): AckBody {
  try {
    return (JSON.parse(answer.text()) ?? {}) as AckBody;
  } catch {
    return {};
  }
}

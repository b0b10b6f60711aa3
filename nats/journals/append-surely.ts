/**
 * An append whose answer may be lost.
 *
 * A1  A record is appended again only when its sender has read, after the loss, that the record before is still the last one. The
 *     condition of both attempts is the same: the server stores one of them at most, whenever they arrive.
 * A2  A record counts as stored by an acknowledgement, or as it was read behind the record before, after an answer was lost.
 */
import { NoReplyError } from "../request.ts";
import type { Ack } from "./asking.ts";

export interface Append {
  /** As it is stored. */
  record: string;
  /** The sequence of the record before; 0: there is none. */
  after: number;
  /** A refusal may be that of an earlier attempt of this very append, although none was made here. */
  mayBeOwn: boolean;
  attempt(): Promise<Ack>;
  /** The last record of the workflow. */
  last(): Promise<{ seq: number; text: string } | undefined>;
}

/** How often a record is appended whose answer is lost. */
const TRIES = 4;

/** The sequence of the record; undefined where another one is behind the record before. */
export async function appendSurely(append: Append): Promise<number | undefined> {
  const { record, after, mayBeOwn } = append;
  let isUnclear = mayBeOwn;
  for (let tries = 1; ; tries++) {
    try {
      const { seq } = await append.attempt();
      if (seq !== undefined || !isUnclear) return seq;
    } catch (error) {
      if (!(error instanceof NoReplyError) || tries === TRIES) throw error;
    }
    isUnclear = true;
    const last = await append.last();
    if (last?.text === record && last.seq > after) return last.seq;
    if ((last?.seq ?? 0) !== after) return undefined;
  }
}

/**
 * Conditional writes whose outcome is known also where the answer is lost, as when the stream's leader dies.
 *
 * I1  A write without an answer may have been stored, or be stored later. The key is read: with the text that was to be written
 *     it was this write; at the revision that was expected the write is tried again, which is refused if the first one is stored
 *     after all, and then the key is read again.
 */
import { TimeoutError } from "@nats-io/transport-node";

/** The last value of a key; at revision 0: none. */
export interface LastWrite {
  revision: number;
  text: string | undefined;
}

export interface ConditionalWrite {
  text: string;
  /** The revision that the key must be at; 0: it must not be there. */
  expected: number;
  /** Undefined: the key is at another revision. */
  write(): Promise<number | undefined>;
  /** The key, by the stream's leader. */
  read(): Promise<LastWrite>;
}

/** How often a write that nothing answers is tried. */
const TRIES = 8;

/** The new revision; undefined where another write came in between. */
export async function settleWrite({
  text,
  expected,
  write,
  read,
}: ConditionalWrite): Promise<number | undefined> {
  let isUnclear = false;
  for (let tries = 1; ; tries++) {
    try {
      const revision = await write();
      if (revision !== undefined || !isUnclear) return revision;
    } catch (error) {
      if (!isLost(error) || tries === TRIES) throw error;
    }
    isUnclear = true;
    const last = await read();
    if (last.revision !== expected) return last.text === text ? last.revision : undefined;
  }
}

/** No answer came: unlike a refusal, or a subject without responders, that says nothing about the write. */
function isLost(error: unknown): boolean {
  return error instanceof TimeoutError || (error instanceof Error && error.cause instanceof TimeoutError);
}

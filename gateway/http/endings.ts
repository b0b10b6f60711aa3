/**
 * Ends the answers of a turn together, after all that has come in it was read. A write to a client wakes it up, often on the core
 * of the gateway, and holds up the requests that have already come: their instances would begin later.
 *
 * I1  The head of an answer is complete before: its state is that of an answer that has begun.
 * I2  No answer waits longer than to the end of the event loop's turn, and none after a turn with one answer: nothing is held up
 *     by that one, and a turn more costs it a tenth of its time.
 */
import type { ServerResponse } from "node:http";

export interface Endings {
  /** Ends an answer with a text of one character a byte. */
  end(outgoing: ServerResponse, text: string): void;
}

export function createEndings(): Endings {
  let waiting: { outgoing: ServerResponse; text: string }[] = [];
  /** The answers of this turn, and whether the last turn with answers had one only. */
  let count = 0;
  let isQuiet = true;
  const endTurn = () => {
    isQuiet = count === 1;
    count = 0;
    const due = waiting;
    waiting = [];
    for (const { outgoing, text } of due) outgoing.end(text, "latin1");
  };
  return {
    end(outgoing, text) {
      count += 1;
      if (count === 1) setImmediate(endTurn);
      if (isQuiet) outgoing.end(text, "latin1");
      else waiting.push({ outgoing, text });
    },
  };
}

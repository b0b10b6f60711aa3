/**
 * Batches across the boundary: messages into the isolate by one call, answers out of it by the call's result.
 *
 * I1  Each message is an entry. Entries run in the order of their messages, one after the other: all microtasks of an entry
 *     end before the next entry begins. So an entry in a batch behaves as one that was made alone.
 * I2  A call returns when all messages have run, or after its time. The rest stays in the isolate, and is run by the next call
 *     before that call's own messages.
 * I3  Entries are numbered from 1. The isolate notes the last entry that each call has begun, and the last one that it has
 *     received, in memory that it shares with the host. So the host knows which entry runs, which entries have not begun when the
 *     isolate dies, and which did not arrive, as there was no room for them.
 * I4  The result has the answers, and the messages of WebSockets, that exist at the call's end and are small texts: a post for
 *     each would cost as much as all else. Others are posted. A result that does not arrive is posted, too (`Boundary.lost`).
 * I5  Messages are numbered, and come in the order of their numbers. A message that is posted follows all earlier ones, which are
 *     posted again where their result may not have arrived. The host ignores the numbers that it has had.
 */
import type { EnterMessage } from "./boundary.ts";

/** How long a call begins entries. The rest is for the next call, so that a long entry is told from its neighbours. */
export const BATCH_MS = 2;

/**
 * Runs messages. `call`: its number, from 1. `first`: the number of the first message. `limitMs`: after that time no further entry
 * begins. `pack`: the text of `packMessages`. Returns answers (`joinAnswer`), or undefined if no entry can begin any more.
 */
export type Enter = (
  call: number,
  first: number,
  limitMs: number,
  pack: string,
  ...extras: readonly unknown[]
) => unknown;

/** Upper bound of the calls that the host makes before it has the result of the first. */
export const MAX_CALLS = 2;

/** The place of the last entry that was received, in the shared memory (I3). */
export const RECEIVED = 0;
/** The number of numbers in the shared memory. */
export const PROGRESS_LENGTH = 1 + MAX_CALLS;

/** The place of the last entry that a call has begun. */
export function placeOf(call: number): number {
  return 1 + (call % MAX_CALLS);
}

/** The functions that lead into an isolate, which its platform gives to the host. */
export interface Boundary {
  enter: Enter;
  /** Prepares for the function's module. `envJson`: an `EnvPlan`. */
  expect(envJson: string): void;
  /** A promise without a handler was rejected. True if user code prevented the log line. */
  rejected(reason: unknown, isStack: boolean): boolean;
  /** A result did not arrive (I4). */
  lost(): void;
}

/** The values that JSON cannot carry are extras. */
export interface Pack {
  text: string;
  extras: unknown[];
}

/**
 * Messages as one string, the cheapest value to cross, and the values that no JSON can carry. An array stands for such a value:
 * `[]` for undefined, `[n]` for an extra, `[0, value]` for an object that crosses in the text.
 */
export function packMessages(messages: readonly EnterMessage[]): Pack {
  const extras: unknown[] = [];
  const packed = messages.map((message) => message.map((value) => packValue(value, extras)));
  return { text: JSON.stringify(packed), extras };
}

const UNDEFINED: readonly unknown[] = [];

function packValue(value: unknown, extras: unknown[]): unknown {
  if (value === undefined) return UNDEFINED;
  if (typeof value === "number" ? Number.isFinite(value) : typeof value !== "object" || value === null)
    return value;
  return isFlat(value) ? [0, value] : [extras.push(value) - 1];
}

/** Upper bound of the length of an object's texts that JSON carries for a fraction of what an extra costs. */
const MAX_FLAT_LENGTH = 64 * 1024;

/** Whether JSON carries an object as it is, but for members that are undefined. */
function isFlat(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  let length = 0;
  for (const member of Object.values(value)) {
    if (typeof member === "string") length += member.length;
    else if (typeof member === "number" ? !Number.isFinite(member) : !isSimple(member)) return false;
  }
  return length <= MAX_FLAT_LENGTH;
}

function isSimple(value: unknown): boolean {
  return typeof value === "boolean" || value === null || value === undefined;
}

/** The value that a message carries at `at`. */
export function unpackValue(message: readonly unknown[], at: number, extras: readonly unknown[]): unknown {
  const value = message[at];
  if (typeof value !== "object" || value === null) return value;
  const packed = value as unknown[];
  return packed.length === 2 ? packed[1] : extras[packed[0] as number];
}

/** An answer in the result of a batch. */
export interface Answer {
  id: number;
  /** Negative: the body is a message of the request's WebSocket, with this number (I5). */
  status: number;
  headerBlock: string;
  body: string;
}

/** Answers behind one another are one result. */
export function joinAnswer(id: number, status: number, headerBlock: string, body: string): string {
  return `${id} ${status} ${headerBlock.length} ${body.length} ${headerBlock}${body}`;
}

/** Calls `take` for each answer of a result. A text that is no result ends it. */
export function splitAnswers(result: unknown, take: (answer: Answer) => void): void {
  if (typeof result !== "string") return;
  let at = 0;
  const number = () => {
    const end = result.indexOf(" ", at);
    const value = end === -1 ? Number.NaN : Number(result.slice(at, end));
    at = end + 1;
    return value;
  };
  while (at < result.length) {
    const [id, status, blockLength, bodyLength] = [number(), number(), number(), number()];
    const bodyAt = at + blockLength;
    const end = bodyAt + bodyLength;
    if (!isLength(blockLength) || !isLength(bodyLength) || end > result.length) return;
    const answer = { id, status, headerBlock: result.slice(at, bodyAt), body: result.slice(bodyAt, end) };
    at = end;
    take(answer);
  }
}

function isLength(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

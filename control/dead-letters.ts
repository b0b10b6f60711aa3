import { NarunError } from "../contracts/index.ts";
import { type DeadLetters, type Nats, openDeadLetters, type StoredLetter } from "../nats/index.ts";

/** The letters that are meant. Each part that is given has to fit. */
export interface LetterFilter {
  /** Only these; in the order of the queue all the same. */
  ids?: readonly number[] | undefined;
  function?: string | undefined;
  /** The stream that the message came from. */
  stream?: string | undefined;
  /** A pattern of the subjects that messages came from: `orders.*`. */
  subject?: string | undefined;
  /** Given up since then. */
  since?: Date | undefined;
  /** A part of the error's message, or its code. */
  error?: string | undefined;
}

/** The dead letters that fit, in the order in which they were given up. */
export async function listLetters(nats: Nats, filter: LetterFilter): Promise<StoredLetter[]> {
  return find(await openDeadLetters(nats), filter);
}

/** One letter with all of its data. Error: DEAD_LETTER_NOT_FOUND. */
export async function showLetter(nats: Nats, id: number): Promise<StoredLetter> {
  const letters = await openDeadLetters(nats);
  const letter = await letters.get(id);
  if (letter === undefined) throw new NarunError("DEAD_LETTER_NOT_FOUND", { detail: String(id) });
  return { ...letter, data: await letters.dataOf(letter) };
}

/** A letter, and its end. */
export interface LetterOutcome {
  letter: StoredLetter;
  /** The reason why it stays. Undefined: it is gone from the dead letters. */
  error: NarunError | undefined;
}

/**
 * Sends the letters that fit back to their queues, where their function alone gets them, and calls back with each. Letters of a
 * subject go in the order of the queue; after a letter that cannot go back, the others of its subject stay.
 */
export async function redriveLetters(
  nats: Nats,
  filter: LetterFilter,
  onOutcome: (outcome: LetterOutcome) => void,
): Promise<void> {
  const letters = await openDeadLetters(nats);
  const found = await find(letters, filter);
  const stuck = new Map<string, NarunError>();
  for (const letter of found.sort(byOrigin)) {
    const place = `${letter.stream} ${letter.subject} ${letter.function}`;
    const error = stuck.get(place) ?? (await failureOf(() => letters.redrive(letter)));
    if (error !== undefined) stuck.set(place, error);
    onOutcome({ letter, error });
  }
}

/** Deletes the letters that fit, and calls back with each. */
export async function purgeLetters(
  nats: Nats,
  filter: LetterFilter,
  onOutcome: (outcome: LetterOutcome) => void,
): Promise<void> {
  const letters = await openDeadLetters(nats);
  for (const letter of await find(letters, filter)) {
    onOutcome({ letter, error: await failureOf(() => letters.delete(letter)) });
  }
}

async function find(letters: DeadLetters, filter: LetterFilter): Promise<StoredLetter[]> {
  const { ids } = filter;
  const found: StoredLetter[] = [];
  for await (const letter of letters.list(filter)) if (fits(letter, filter)) found.push(letter);
  const missing = ids?.find((id) => !found.some((letter) => letter.id === id));
  if (missing !== undefined) throw new NarunError("DEAD_LETTER_NOT_FOUND", { detail: String(missing) });
  return found;
}

/** Whether a letter fits a filter. Its function and stream were filtered by the server. */
export function fits(
  letter: Omit<StoredLetter, "data">,
  { ids, subject, since, error }: LetterFilter,
): boolean {
  if (ids !== undefined && !ids.includes(letter.id)) return false;
  if (since !== undefined && Date.parse(letter.diedAt) < since.getTime()) return false;
  if (error !== undefined && letter.error.code !== error && !letter.error.message.includes(error))
    return false;
  return subject === undefined || matchesSubject(subject, letter.subject);
}

/** Whether a pattern of NATS (`orders.*`, `orders.>`) has a subject. */
export function matchesSubject(pattern: string, subject: string): boolean {
  const [wanted, found] = [pattern.split("."), subject.split(".")];
  for (const [at, token] of wanted.entries()) {
    if (token === ">") return found.length > at;
    if (found[at] === undefined || (token !== "*" && token !== found[at])) return false;
  }
  return wanted.length === found.length;
}

function byOrigin(a: StoredLetter, b: StoredLetter): number {
  if (a.stream !== b.stream) return a.stream < b.stream ? -1 : 1;
  return a.sequence - b.sequence;
}

async function failureOf(work: () => Promise<void>): Promise<NarunError | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof NarunError) return error;
    throw error;
  }
}

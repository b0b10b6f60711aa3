/**
 * Reads of a journal that are not behind. In a cluster not even a stream's leader is safe: one that was stopped, or cut off, takes
 * itself for the leader until it hears of the next one, and answers what waits at its door.
 *
 * I1  A reader names a sequence that is stored. A server that has no message of the journal from there on is behind.
 * I2  All subjects are read by one request, so that one server answers for all of them.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { headerValue, stores } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import type { Message } from "../message.ts";

export interface LastMessage {
  seq: number;
  text: string;
}

/** How long a server is looked for that is not behind: longer than any is. After that the journal's end was deleted. */
const TRY_MS = 6_000;
const PAUSE_MS = 50;
/** How long one server may take. */
const SILENCE_MS = 1_000;
const { stream } = stores.workflows;

/** The last message of each subject, in their order, by a server that knows the sequence `atLeast`. */
export async function readFresh(
  nats: Nats,
  subjects: readonly string[],
  atLeast: number,
): Promise<(LastMessage | undefined)[]> {
  const endsAtMs = performance.now() + TRY_MS;
  for (;;) {
    const found = await readLasts(nats, subjects);
    const known = Math.max(0, ...(found?.values() ?? []).map(({ seq }) => seq));
    const isOver = performance.now() > endsAtMs;
    if (found !== undefined && (known >= atLeast || isOver)) return subjects.map((one) => found.get(one));
    if (isOver) throw new Error(`no server has answered for the journal ${subjects[0]}`);
    await sleep(PAUSE_MS);
  }
}

/** By any server with a copy of the stream. Undefined: none has answered. */
function readLasts(nats: Nats, subjects: readonly string[]): Promise<Map<string, LastMessage> | undefined> {
  const inbox = nats.createInbox();
  const { promise, resolve } = Promise.withResolvers<Map<string, LastMessage> | undefined>();
  const found = new Map<string, LastMessage>();
  const subscription = nats.subscribe(inbox, (message) => {
    if (message.status === END_OF_BATCH || message.status === NO_RESULTS) resolve(found);
    else if (message.status !== 0) resolve(undefined);
    else found.set(headerValue(message.headers, "Nats-Subject") ?? "", lastOf(message));
  });
  const query = { multi_last: subjects, batch: subjects.length };
  nats.connection.publish(`$JS.API.DIRECT.GET.${stream}`, JSON.stringify(query), { reply: inbox });
  const silence = setTimeout(() => resolve(undefined), SILENCE_MS);
  return promise.finally(() => {
    clearTimeout(silence);
    subscription.unsubscribe();
  });
}

/** Statuses of a batch of direct reads (NATS ADR-31). */
const END_OF_BATCH = 204;
const NO_RESULTS = 404;

function lastOf(message: Message): LastMessage {
  return { seq: Number(headerValue(message.headers, "Nats-Sequence")), text: message.text() };
}

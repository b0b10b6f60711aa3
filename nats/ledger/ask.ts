import {
  type Inquiry,
  type InquiryReply,
  InquiryReplySchema,
  parseJson,
  type RequestState,
} from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { createHeaders } from "../headers.ts";
import { isNoResponders, type Message } from "../message.ts";
import { NoReplyError } from "../request.ts";

/** How long the one answer to an inquiry may take. */
const ANSWER_TIMEOUT_MS = 2_000;
/** How long the answers of several may take. */
const GATHER_MS = 500;

/**
 * The strongest state of several answers counts. `over` is weak: its answerer does not have the request, and cannot tell
 * whether it did. Another one may have it.
 */
const STRENGTH: Readonly<Record<RequestState, number>> = {
  new: 0,
  over: 1,
  streaming: 2,
  repeated: 2,
  running: 2,
};
const STRONGEST = 2;

const questionOf = (requests: readonly string[]) =>
  JSON.stringify({ requests: [...requests] } satisfies Inquiry);
const statesIn = (reply: Message): InquiryReply["states"] =>
  parseJson(reply.text(), InquiryReplySchema)?.states ?? [];

/** Asks the one answerer that hears a subject for the states of requests. Throws NoReplyError. */
export async function askOne(
  nats: Nats,
  subject: string,
  requests: readonly string[],
): Promise<readonly RequestState[]> {
  return statesIn(await nats.request(subject, questionOf(requests), { timeoutMs: ANSWER_TIMEOUT_MS }));
}

/**
 * Asks every answerer that hears a subject. At most one of them has a request, and the others say `new` or `over`. A
 * request that an answer does not tell of counts as running. Throws NoReplyError.
 */
export async function askAll(
  nats: Nats,
  subject: string,
  requests: readonly string[],
): Promise<readonly RequestState[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly RequestState[]>();
  let states: readonly RequestState[] | undefined;
  const onReply = (reply: Message) => {
    if (isNoResponders(reply)) return reject(new NoReplyError("no-responders", subject));
    const heard = statesIn(reply);
    const before = states;
    states = requests.map((_, at) => {
      const [state, next] = [before?.[at] ?? "new", heard[at] ?? "running"];
      return STRENGTH[next] > STRENGTH[state] ? next : state;
    });
    if (states.every((state) => STRENGTH[state] === STRONGEST)) resolve(states);
  };
  const question = Buffer.from(questionOf(requests));
  const pending = nats.send(subject, question, createHeaders(), onReply, reject);
  const timer = setTimeout(() => {
    if (states === undefined) reject(new NoReplyError("timeout", subject));
    else resolve(states);
  }, GATHER_MS);
  return promise.finally(() => {
    clearTimeout(timer);
    pending.release();
  });
}

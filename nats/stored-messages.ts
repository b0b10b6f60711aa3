/**
 * Reads the messages of a stream without a consumer: the server allows a thousand consumers on a stream, and keeps an
 * abandoned one for minutes.
 *
 * I1  A batch is bounded in messages and in bytes; the next one is asked for when the one before was read.
 * I2  A message is read whole or not at all: a batch that breaks off is read again for a while, as after the death of a server,
 *     then it throws.
 */
import { JetStreamError, type JetStreamManager } from "@nats-io/jetstream";
import { type Msg, type MsgHdrs, TimeoutError } from "@nats-io/transport-node";
import type { Nats } from "./connection.ts";
import { NO_RESPONDERS_STATUS } from "./jetstream-errors.ts";
import { needsJetStream } from "./needs-jetstream.ts";

export interface StoredMessage {
  subject: string;
  seq: number;
  time: Date;
  headers: MsgHdrs | undefined;
  data: Uint8Array;
}

export interface ReadStoredOptions {
  nats: Nats;
  manager: JetStreamManager;
  stream: string;
  /** A subject, wildcards allowed. */
  filter: string;
  /** The first sequence. Default: 1. */
  from?: number;
  /** How long the next message of a batch may take. Default 5 s. */
  silenceMs?: number;
  /** A batch that breaks off throws at once. Default: it is read again. */
  isOnce?: boolean;
}

/** Upper bounds of one batch. A larger message comes alone. */
const BATCH_MESSAGES = 256;
const BATCH_BYTES = 1024 * 1024;

const SILENCE_MS = 5_000;

const NO_RESULTS = 404;
const END_OF_BATCH = 204;

/**
 * Every stored message under a filter, in the stream's order. Older messages of a subject come before newer ones. Errors: see
 * needsJetStream.
 */
export async function* readStored(options: ReadStoredOptions): AsyncGenerator<StoredMessage, void> {
  for await (const batch of readStoredBatches(options)) yield* batch;
}

/** As `readStored`, in the batches in which the messages come: each was read at one moment, when it was asked for. */
export async function* readStoredBatches(options: ReadStoredOptions): AsyncGenerator<StoredMessage[], void> {
  const ask = <T>(work: () => Promise<T>) => (options.isOnce ? work() : needsJetStream(options.nats, work));
  let next: number | undefined = options.from ?? 1;
  while (next !== undefined) {
    const from: number = next;
    const batch: Batch | undefined = await ask(() => readBatch(options, from));
    if (batch === undefined) return yield* readOneByOne(options, from);
    if (batch.messages.length > 0) yield batch.messages;
    next = batch.next;
  }
}

interface Batch {
  messages: StoredMessage[];
  /** Where the next one begins; undefined after the last. */
  next: number | undefined;
}

/**
 * One batch; undefined where the stream has no direct reads. An own request, as the client library keeps a
 * subscription for each of its batches for ever, and waits for ever where one breaks off.
 */
function readBatch(
  { nats, stream, filter, silenceMs = SILENCE_MS }: ReadStoredOptions,
  from: number,
): Promise<Batch | undefined> {
  const { connection } = nats;
  const inbox = nats.createInbox();
  const { promise, resolve, reject } = Promise.withResolvers<Batch | undefined>();
  const messages: StoredMessage[] = [];
  const give = (message: Msg) => {
    const code = message.headers?.code ?? 0;
    if (code === 0) {
      messages.push(toStored(message));
      silence.refresh();
    } else if (code === END_OF_BATCH) resolve({ messages, next: nextOf(message, messages) });
    else if (code === NO_RESULTS) resolve({ messages, next: undefined });
    else if (code === NO_RESPONDERS_STATUS) resolve(undefined);
    else reject(new JetStreamError(`${stream}: ${code} ${message.headers?.description ?? ""}`));
  };
  const silence = setTimeout(() => reject(new TimeoutError()), silenceMs);
  const subscription = connection.subscribe(inbox, {
    callback: (error, message) => (error === null ? give(message) : reject(error)),
  });
  const request = { seq: from, next_by_subj: filter, batch: BATCH_MESSAGES, max_bytes: BATCH_BYTES };
  const subject = `$JS.API.DIRECT.GET.${stream}`;
  const stopListening = nats.onRefused((refusal) => {
    if (refusal.fields.subject === subject) reject(refusal);
  });
  connection.publish(subject, JSON.stringify(request), { reply: inbox });
  return promise.finally(() => {
    stopListening();
    clearTimeout(silence);
    subscription.unsubscribe();
  });
}

function toStored({ headers, data }: Msg): StoredMessage {
  return {
    subject: headers?.last("Nats-Subject") ?? "",
    seq: Number(headers?.last("Nats-Sequence")),
    time: new Date(headers?.last("Nats-Time-Stamp") ?? 0),
    headers,
    data,
  };
}

function nextOf(end: Msg, messages: readonly StoredMessage[]): number | undefined {
  const last = messages.at(-1);
  const pending = Number(end.headers?.last("Nats-Num-Pending"));
  return last === undefined || pending === 0 ? undefined : last.seq + 1;
}

/** For a stream that was made without direct reads. Throws where there is no such stream. */
async function* readOneByOne(
  { nats, manager, stream, filter }: ReadStoredOptions,
  from: number,
): AsyncGenerator<StoredMessage[], void> {
  for (let sequence = from; ; ) {
    // A literal would not pass the library's types.
    const query = { seq: sequence, next_by_subj: filter };
    const message = await needsJetStream(nats, () => manager.streams.getMessage(stream, query));
    if (message === null) return;
    const { subject, seq, time, header: headers, data } = message;
    yield [{ subject, seq, time, headers, data }];
    sequence = seq + 1;
  }
}

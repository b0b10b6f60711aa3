/**
 * The dead letters: messages of queues that their functions did not take, in a stream of their own.
 *
 * I1  A letter is stored once for each message, however often its writer tries, within the stream's window of duplicates.
 * I2  A letter that goes back is published to the subject that it came from, in the stream that it came from, and deleted
 *     here afterwards. Repeated within the window of that stream, it is stored there once.
 * I3  Fields of the server (`Nats-*`) belong to one publication: they are not handed on.
 */
import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
} from "@nats-io/jetstream";
import { headers as createFields, type MsgHdrs } from "@nats-io/transport-node";
import {
  type DeadLetter,
  decodeDeadLetter,
  encodeDeadLetter,
  headerNames,
  NarunError,
  stores,
  subjects,
} from "../../contracts/index.ts";
import { type Bodies, openBodies } from "../bodies.ts";
import type { Nats } from "../connection.ts";
import { addStream } from "../copies.ts";
import type { Headers } from "../headers.ts";
import { isStreamMissing } from "../jetstream-errors.ts";
import { needsJetStream } from "../needs-jetstream.ts";
import { openOwnStream } from "../own-stream.ts";
import { readStored } from "../stored-messages.ts";

/** A letter as it is stored. */
export interface StoredLetter extends DeadLetter {
  /** Its sequence among the letters. */
  id: number;
  /** The message's own header fields. */
  headers: Record<string, string[]>;
  data: Uint8Array;
}

export interface DeadLetters {
  write(letter: DeadLetter, headers: Headers | undefined, data: Uint8Array): Promise<void>;
  /** Letters of a function and a stream, in the order in which they were given up. Default: all. */
  list(filter?: {
    function?: string | undefined;
    stream?: string | undefined;
  }): AsyncGenerator<StoredLetter, void>;
  get(id: number): Promise<StoredLetter | undefined>;
  /** The data of a letter: also that of a large one. */
  dataOf(letter: StoredLetter): Promise<Uint8Array>;
  /** Publishes the message again, for its function only, and deletes the letter. Error: QUEUE_STREAM_MISSING. */
  redrive(letter: StoredLetter): Promise<void>;
  delete(letter: StoredLetter): Promise<void>;
}

const NANOS_PER_MS = 1_000_000;
const IS_OF_SERVER = /^nats-/i;

/** Room for the fields that the server adds when a message is read. */
const ROOM_BYTES = 4_096;

/** Opens the stream of dead letters, creating it where it is missing. Errors: see needsJetStream; STREAM_UNFIT. */
export async function openDeadLetters(nats: Nats): Promise<DeadLetters> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const { stream, maxAgeMs, duplicatesMs } = stores.deadLetters;
  const all = nats.world.toWire(subjects.deadLettersAll);
  await needsJetStream(nats, () =>
    openOwnStream(manager, { stream, subjects: [all], flags: ["allow_direct"] }, async () => {
      try {
        await manager.streams.info(stream);
      } catch (error) {
        if (!isStreamMissing(error)) throw error;
        await addStream(nats, manager, {
          name: stream,
          subjects: [all],
          max_age: maxAgeMs * NANOS_PER_MS,
          duplicate_window: duplicatesMs * NANOS_PER_MS,
          discard: DiscardPolicy.Old,
          allow_direct: true,
        });
      }
    }),
  );
  return new OpenDeadLetters(nats, manager);
}

class OpenDeadLetters implements DeadLetters {
  readonly #nats: Nats;
  readonly #manager: JetStreamManager;
  readonly #bodies: Bodies;

  constructor(nats: Nats, manager: JetStreamManager) {
    this.#nats = nats;
    this.#manager = manager;
    this.#bodies = openBodies(nats);
  }

  async write(letter: DeadLetter, headers: Headers | undefined, data: Uint8Array): Promise<void> {
    const nats = this.#nats;
    // Two handlers of one function may give up the same event: each has a letter.
    const handler = headers?.get(headerNames.eventHandler)?.[0];
    const place = `${letter.function}/${letter.stream}/${letter.sequence}/${letter.storedAt}`;
    const id = handler === undefined ? place : `${place}/${handler}`;
    const own = ownFields(headers);
    const room = nats.maxPayload - ROOM_BYTES - encodeDeadLetter(letter).length - bytesOf(own);
    const body = data.byteLength > room ? `dead/${id}` : undefined;
    if (body !== undefined) await this.#bodies.put(body, data);
    const fields = fieldsOf(own);
    fields.set(
      headerNames.deadLetter,
      encodeDeadLetter({ ...letter, ...(body === undefined ? {} : { body }) }),
    );
    const subject = nats.world.toWire(subjects.deadLetter(letter.function, letter.stream));
    const bytes = body === undefined ? data : new Uint8Array();
    await needsJetStream(nats, () =>
      // The library writes its options into the header fields.
      jetstream(nats.connection).publish(subject, bytes, { headers: copyOf(fields), msgID: id }),
    );
  }

  async *list({
    function: name = "*",
    stream = "*",
  }: {
    function?: string | undefined;
    stream?: string | undefined;
  } = {}): AsyncGenerator<StoredLetter, void> {
    const filter = this.#nats.world.toWire(subjects.deadLetter(name, stream));
    const where = { nats: this.#nats, manager: this.#manager, stream: stores.deadLetters.stream, filter };
    for await (const { seq, headers, data } of readStored(where)) {
      const letter = letterOf(seq, headers, data);
      if (letter !== undefined) yield letter;
    }
  }

  async get(id: number): Promise<StoredLetter | undefined> {
    const found = await needsJetStream(this.#nats, () =>
      this.#manager.streams.getMessage(stores.deadLetters.stream, { seq: id }),
    );
    return found === null ? undefined : letterOf(found.seq, found.header, found.data);
  }

  async dataOf({ body, data }: StoredLetter): Promise<Uint8Array> {
    return body === undefined ? data : this.#bodies.read(body);
  }

  async redrive(letter: StoredLetter): Promise<void> {
    const nats = this.#nats;
    const data = await this.dataOf(letter);
    const fields = fieldsOf(new Map(Object.entries(letter.headers)));
    fields.set(headerNames.redriveFor, letter.function);
    const options = {
      msgID: `narun-redrive-${nats.world.id}-${letter.id}`,
      expect: { streamName: letter.stream },
    };
    // A publish to a subject that no stream stores would be tried for long.
    if (!(await this.#isThere(letter.stream))) throw elsewhere(letter);
    try {
      await needsJetStream(nats, () =>
        jetstream(nats.connection).publish(letter.subject, data, { ...options, headers: copyOf(fields) }),
      );
    } catch (error) {
      const isElsewhere = error instanceof JetStreamApiError && error.code === STREAM_NOT_MATCH;
      throw isElsewhere ? elsewhere(letter, error) : error;
    }
    if (letter.stream === stores.calls.stream) nats.publish(subjects.callStored(letter.function), "");
    await this.delete(letter);
  }

  async delete({ id, body }: StoredLetter): Promise<void> {
    await needsJetStream(this.#nats, () =>
      this.#manager.streams.deleteMessage(stores.deadLetters.stream, id),
    ).catch((error: unknown) => {
      // Another one has deleted it.
      if (!(error instanceof JetStreamApiError && error.code === MESSAGE_NOT_FOUND)) throw error;
    });
    if (body !== undefined) await this.#bodies.delete(body);
  }

  async #isThere(stream: string): Promise<boolean> {
    try {
      await needsJetStream(this.#nats, () => this.#manager.streams.info(stream));
      return true;
    } catch (error) {
      if (isStreamMissing(error)) return false;
      throw error;
    }
  }
}

function elsewhere({ stream, subject }: StoredLetter, cause?: unknown): NarunError {
  return new NarunError("QUEUE_STREAM_MISSING", { detail: `${stream} does not store ${subject}` }, { cause });
}

const STREAM_NOT_MATCH = 10060;
const MESSAGE_NOT_FOUND = 10043;

function letterOf(id: number, fields: MsgHdrs | undefined, data: Uint8Array): StoredLetter | undefined {
  const facts = decodeDeadLetter(fields?.last(headerNames.deadLetter) ?? "");
  if (facts === undefined || fields === undefined) return undefined;
  const own = [...fields].filter(([name]) => name !== headerNames.deadLetter && !IS_OF_SERVER.test(name));
  return { ...facts, id, headers: Object.fromEntries(own), data };
}

/** A message's own fields: without the fields of the server (I3), and of an earlier way back. */
function ownFields(headers: Headers | undefined): Headers {
  const own = [...(headers ?? [])].filter(
    ([name]) =>
      !IS_OF_SERVER.test(name) && name !== headerNames.redriveFor && name !== headerNames.deadLetter,
  );
  return new Map(own);
}

function bytesOf(headers: Headers): number {
  let bytes = 0;
  for (const [name, values] of headers)
    for (const value of values) bytes += name.length + Buffer.byteLength(value) + 4;
  return bytes;
}

function fieldsOf(headers: Headers): MsgHdrs {
  const fields = createFields();
  for (const [name, values] of headers) for (const value of values) fields.append(name, value);
  return fields;
}

function copyOf(fields: MsgHdrs): MsgHdrs {
  const copy = createFields();
  for (const [name, values] of fields) for (const value of values) copy.append(name, value);
  return copy;
}

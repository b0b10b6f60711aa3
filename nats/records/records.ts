/**
 * A stream with one message for each subject: records, which are written by the sequence that their writer read.
 *
 * I1  Reads ask the stream's leader: a writer sees its own write, and the write that it lost against.
 * I2  A conditional write is refused where another write came in between, also a deletion.
 * I3  A deletion names the version that it deletes: a newer one stays.
 */
import { type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { headers as createHeaders, type MsgHdrs } from "@nats-io/transport-node";
import type { Nats } from "../connection.ts";
import { addStream } from "../copies.ts";
import { isConflict } from "../jetstream-errors.ts";
import { needsJetStream } from "../needs-jetstream.ts";
import { makeOwnStream } from "../own-stream.ts";
import { readStored } from "../stored-messages.ts";

export interface StoredRecord {
  /** As it was given, without the world's id. */
  subject: string;
  sequence: number;
  createdAt: Date;
  data: Uint8Array;
  /** The field of its writer; undefined where it has none. */
  field(name: string): string | undefined;
}

export interface RecordWrite {
  /** The record must be at this sequence; 0: it must not be there. Default: any version is replaced. */
  ifSequence?: number;
  fields?: Readonly<Record<string, string>>;
}

/** Errors of all methods: see needsJetStream. Subjects are below the stream's prefix. */
export interface Records {
  /** The last record under a subject, wildcards allowed. */
  get(subject: string): Promise<StoredRecord | undefined>;
  /** Its sequence; undefined where the record is at another one. */
  put(subject: string, data: Uint8Array | string, options?: RecordWrite): Promise<number | undefined>;
  /** Deletes one version. False where it is not there any more. */
  delete(sequence: number): Promise<boolean>;
  /** Deletes all records under a subject, wildcards allowed. */
  purge(subject: string): Promise<void>;
  /** All records under a subject, wildcards allowed, in the order in which they were last written. */
  list(subject: string): AsyncGenerator<StoredRecord, void>;
}

export interface RecordsOptions {
  stream: string;
  /** The beginning of all subjects, without its last dot. */
  prefix: string;
  /** How many messages of a subject are kept. Default 1. */
  kept?: number;
}

/** Opens a stream of records, creating it where it is missing. Errors: see needsJetStream; STREAM_UNFIT. */
export async function openRecords(nats: Nats, options: RecordsOptions): Promise<Records> {
  const { stream, prefix, kept = 1 } = options;
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const subjects = [nats.world.toWire(`${prefix}.>`)];
  await needsJetStream(nats, () =>
    makeOwnStream(manager, { stream, subjects, flags: ["allow_direct"] }, () =>
      addStream(nats, manager, {
        name: stream,
        subjects,
        max_msgs_per_subject: kept,
        allow_direct: true,
      }),
    ),
  );
  return new StreamRecords(nats, manager, stream);
}

class StreamRecords implements Records {
  readonly #nats: Nats;
  readonly #manager: JetStreamManager;
  readonly #stream: string;

  constructor(nats: Nats, manager: JetStreamManager, stream: string) {
    this.#nats = nats;
    this.#manager = manager;
    this.#stream = stream;
  }

  async get(subject: string): Promise<StoredRecord | undefined> {
    const query = { last_by_subj: this.#nats.world.toWire(subject) };
    const message = await needsJetStream(this.#nats, () =>
      this.#manager.streams.getMessage(this.#stream, query),
    );
    if (message === null) return undefined;
    // Its parts are getters of the library's class.
    const { subject: found, seq, time, data, header: headers } = message;
    return this.#recordOf({ subject: found, seq, time, data, headers });
  }

  async put(
    subject: string,
    data: Uint8Array | string,
    { ifSequence, fields = {} }: RecordWrite = {},
  ): Promise<number | undefined> {
    const client = jetstream(this.#nats.connection);
    const write = () => {
      // The client writes its options into the headers: they are made anew for each attempt.
      const headers = createHeaders();
      for (const [name, value] of Object.entries(fields)) headers.set(name, value);
      const expect = ifSequence === undefined ? {} : { expect: { lastSubjectSequence: ifSequence } };
      return client.publish(this.#nats.world.toWire(subject), data, { headers, ...expect });
    };
    try {
      // A conditional write that had no answer, and was done, is refused when it comes again: the caller reads.
      const { seq } = await needsJetStream(this.#nats, write);
      return seq;
    } catch (error) {
      if (isConflict(error)) return undefined;
      throw error;
    }
  }

  async delete(sequence: number): Promise<boolean> {
    return needsJetStream(this.#nats, () =>
      this.#manager.streams.deleteMessage(this.#stream, sequence, false),
    ).catch((error: unknown) => {
      if (isWithoutMessage(error)) return false;
      throw error;
    });
  }

  async purge(subject: string): Promise<void> {
    const filter = this.#nats.world.toWire(subject);
    await needsJetStream(this.#nats, () => this.#manager.streams.purge(this.#stream, { filter }));
  }

  async *list(subject: string): AsyncGenerator<StoredRecord, void> {
    const source = { nats: this.#nats, manager: this.#manager, stream: this.#stream };
    const filter = this.#nats.world.toWire(subject);
    for await (const message of readStored({ ...source, filter })) yield this.#recordOf(message);
  }

  #recordOf(message: Message): StoredRecord {
    return {
      subject: this.#nats.world.fromWire(message.subject),
      sequence: message.seq,
      createdAt: message.time,
      data: message.data,
      field: (name) => message.headers?.get(name) || undefined,
    };
  }
}

interface Message {
  subject: string;
  seq: number;
  time: Date;
  data: Uint8Array;
  headers: MsgHdrs | undefined;
}

/** JetStream's own codes: no such message; the sequence is not there. */
const NO_MESSAGE = [10037, 10043, 10057];

function isWithoutMessage(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === "number" && NO_MESSAGE.includes(code);
}

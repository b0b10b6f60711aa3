/**
 * The calls that were accepted and did not end: a stream that has each until it is settled, and a bucket with their states
 * and results.
 *
 * I1  A call is durable when `submit` resolves. Where it rejects, the call may be stored all the same; the same id again is
 *     stored once, within the stream's window of duplicates.
 * I2  The stream keeps at most so many calls of a function as it allows of one subject, by the server's own count.
 */
import {
  DiscardPolicy,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
} from "@nats-io/jetstream";
import { headers as createFields } from "@nats-io/transport-node";
import {
  type CallFacts,
  type CallKey,
  CallKeySchema,
  type CallRecord,
  CallRecordSchema,
  headerNames,
  isNarunError,
  NarunError,
  readJson,
  stores,
  subjects,
} from "../../contracts/index.ts";
import { type Bodies, openBodies } from "../bodies.ts";
import type { Nats } from "../connection.ts";
import { addStream } from "../copies.ts";
import type { Headers } from "../headers.ts";
import { hasJetStreamCode, isStreamMissing, JetStreamCode } from "../jetstream-errors.ts";
import { openKv, type TypedKv } from "../kv/kv.ts";
import { needsJetStream } from "../needs-jetstream.ts";
import { makeOwnStream } from "../own-stream.ts";
import { storeProblem } from "../store-problem.ts";

/** A request that is to run. */
export interface SubmittedCall {
  service: string;
  facts: CallFacts;
  headers: Headers;
  data: Uint8Array;
}

export interface Calls {
  readonly records: TypedKv<CallRecord>;
  readonly keys: TypedKv<CallKey>;
  readonly bodies: Bodies;
  /** Stores a call (I1). Errors: CALL_QUEUE_FULL, CALL_NOT_STORED. */
  submit(call: SubmittedCall): Promise<void>;
  /** Has the result of a call posted. */
  submitCallback(service: string, facts: CallFacts): Promise<void>;
  /** The functions that have calls or callbacks. */
  waiting(): Promise<string[]>;
}

const NANOS_PER_MS = 1_000_000;
/** Room for the fields that the server adds when a message is read. */
const ROOM_BYTES = 4_096;

/** Opens the stream and the buckets, creating them where they are missing. Errors: see needsJetStream; STREAM_UNFIT. */
export async function openCalls(nats: Nats): Promise<Calls> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const [records, keys] = await Promise.all([
    openKv<CallRecord>(nats, stores.callRecords, codecOf(CallRecordSchema)),
    openKv<CallKey>(nats, stores.callKeys, codecOf(CallKeySchema)),
    needsJetStream(nats, () => openStream(nats, manager)),
  ]);
  return new OpenCalls(nats, manager, records, keys);
}

/** Whether any call was ever accepted here: the stream is there. */
export async function hasCalls(nats: Nats): Promise<boolean> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  try {
    await needsJetStream(nats, () => manager.streams.info(stores.calls.stream));
    return true;
  } catch (error) {
    if (isStreamMissing(error)) return false;
    throw error;
  }
}

function codecOf<T>(schema: { parse(value: unknown): T }) {
  return {
    decode: (text: string) => schema.parse(readJson(text)),
    encode: (value: T) => JSON.stringify(value),
  };
}

async function openStream(nats: Nats, manager: JetStreamManager): Promise<void> {
  const { stream, maxAgeMs, maxOfEach, duplicatesMs } = stores.calls;
  const all = [subjects.callsAll, subjects.callbacksAll].map((subject) => nats.world.toWire(subject));
  await makeOwnStream(manager, { stream, subjects: all, retention: "workqueue" }, () =>
    addStream(nats, manager, {
      name: stream,
      subjects: all,
      retention: RetentionPolicy.Workqueue,
      discard: DiscardPolicy.New,
      discard_new_per_subject: true,
      max_msgs_per_subject: maxOfEach,
      max_age: maxAgeMs * NANOS_PER_MS,
      duplicate_window: duplicatesMs * NANOS_PER_MS,
    }),
  );
}

class OpenCalls implements Calls {
  readonly records: TypedKv<CallRecord>;
  readonly keys: TypedKv<CallKey>;
  readonly bodies: Bodies;
  readonly #nats: Nats;
  readonly #manager: JetStreamManager;

  constructor(nats: Nats, manager: JetStreamManager, records: TypedKv<CallRecord>, keys: TypedKv<CallKey>) {
    this.#nats = nats;
    this.#manager = manager;
    this.records = records;
    this.keys = keys;
    this.bodies = openBodies(nats);
  }

  async submit({ service, facts, headers, data }: SubmittedCall): Promise<void> {
    const room = this.#nats.maxPayload - ROOM_BYTES - bytesOf(headers) - JSON.stringify(facts).length;
    const body = data.byteLength > room ? `calls/${facts.id}` : undefined;
    try {
      if (body !== undefined) await this.bodies.put(body, data);
      const bytes = body === undefined ? data : new Uint8Array();
      const id = `run-${facts.id}`;
      await this.#publish(subjects.call(service), id, { ...facts, ...(body && { body }) }, headers, bytes);
    } catch (error) {
      if (body !== undefined) await this.bodies.delete(body).catch(() => undefined);
      if (storeProblem(error) === undefined || isNarunError(error, "NATS_NO_MAJORITY")) throw error;
      throw new NarunError("CALL_NOT_STORED", {}, { cause: error });
    }
    this.#nats.publish(subjects.callStored(service), "");
  }

  async submitCallback(service: string, facts: CallFacts): Promise<void> {
    await this.#publish(subjects.callback(service), `back-${facts.id}`, facts, new Map(), new Uint8Array());
    this.#nats.publish(subjects.callStored(service), "");
  }

  async waiting(): Promise<string[]> {
    const filter = this.#nats.world.toWire("narun.calls.>");
    const { state } = await needsJetStream(this.#nats, () =>
      this.#manager.streams.info(stores.calls.stream, { subjects_filter: filter }),
    );
    return [...new Set(Object.keys(state.subjects ?? {}).map((subject) => subject.split(".").at(-1) ?? ""))];
  }

  async #publish(
    subject: string,
    msgID: string,
    facts: CallFacts,
    headers: Headers,
    data: Uint8Array,
  ): Promise<void> {
    const nats = this.#nats;
    await needsJetStream(nats, async () => {
      const fields = createFields();
      for (const [name, values] of headers) for (const value of values) fields.append(name, value);
      fields.set(headerNames.call, JSON.stringify(facts));
      try {
        await jetstream(nats.connection).publish(nats.world.toWire(subject), data, {
          headers: fields,
          msgID,
        });
      } catch (error) {
        // JetStream's answer has the status of an error that passes by itself, and would be tried again.
        if (!hasJetStreamCode(error, JetStreamCode.streamFull)) throw error;
        throw new NarunError("CALL_QUEUE_FULL", {}, { cause: error });
      }
    });
  }
}

function bytesOf(headers: Headers): number {
  let bytes = 0;
  for (const [name, values] of headers)
    for (const value of values) bytes += name.length + Buffer.byteLength(value) + 4;
  return bytes;
}

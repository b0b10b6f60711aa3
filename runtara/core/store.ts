/**
 * The records of instances on NATS, and their payloads: small ones in the record, large ones as objects.
 *
 * I1  An instance is changed by the sequence that the change was decided on; else the decision is made again.
 * I2  A payload appears whole: its object is stored before the record that names it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { NarunError, parseJson, stores, subjects } from "../../contracts/index.ts";
import {
  type ByteObjects,
  type Nats,
  openByteObjects,
  openRecords,
  type Records,
  type StoredRecord,
} from "../../nats/index.ts";
import { tokenOf } from "./ids.ts";
import { MAX_PAYLOAD_BYTES } from "./limits.ts";
import { type Instance, InstanceSchema } from "./record.ts";

/** A larger payload is an object. Below it a list of checkpoints stays cheap. */
const MAX_INLINE_BYTES = 64 * 1024;

const OBJECT = "Narun-Runtara-Object";
const VERSION = "Narun-Runtara-Version";
const SIZE = "Narun-Runtara-Size";

/** How often a change is decided anew before the caller is told. */
const MAX_TRIES = 30;
const PAUSE_MS = 3;

const root = subjects.runtaraRecords;

/** The subjects of the records. */
export const at = {
  instance: (id: string) => `${root}.instance.${tokenOf(id)}`,
  instances: `${root}.instance.*`,
  /** Everything that a program has done: checkpoints and sleeps. */
  work: (id: string) => `${root}.work.${tokenOf(id)}.>`,
  checkpoint: (id: string, checkpoint: string) =>
    `${root}.work.${tokenOf(id)}.checkpoint.${tokenOf(checkpoint)}`,
  checkpoints: (id: string) => `${root}.work.${tokenOf(id)}.checkpoint.*`,
  sleep: (id: string, checkpoint: string) => `${root}.work.${tokenOf(id)}.sleep.${tokenOf(checkpoint)}`,
  signal: (id: string, checkpoint: string) => `${root}.signal.${tokenOf(id)}.${tokenOf(checkpoint)}`,
  signals: (id: string) => `${root}.signal.${tokenOf(id)}.*`,
  input: (id: string) => `${root}.data.${tokenOf(id)}.input`,
  output: (id: string, run: number) => `${root}.data.${tokenOf(id)}.output-${run}`,
  data: (id: string) => `${root}.data.${tokenOf(id)}.*`,
  image: (id: string) => `${root}.image.${tokenOf(id)}`,
  images: `${root}.image.*`,
  key: `${root}.key`,
} as const;

export interface ReadInstance {
  instance: Instance;
  sequence: number;
}

export class Store {
  readonly records: Records;
  readonly #objects: ByteObjects;

  constructor(records: Records, objects: ByteObjects) {
    this.records = records;
    this.#objects = objects;
  }

  async find(id: string): Promise<ReadInstance | undefined> {
    const record = await this.records.get(at.instance(id));
    const instance = record && readInstance(record);
    return record && instance && { instance, sequence: record.sequence };
  }

  /** Error: RUNTARA_INSTANCE_NOT_FOUND. */
  async read(id: string): Promise<Instance> {
    const found = await this.find(id);
    if (found === undefined) throw notFound(id);
    return found.instance;
  }

  /** Every instance, in the order of their last changes. */
  async *instances(): AsyncGenerator<ReadInstance, void> {
    for await (const record of this.records.list(at.instances)) {
      const instance = readInstance(record);
      if (instance !== undefined) yield { instance, sequence: record.sequence };
    }
  }

  /**
   * Changes an instance by a decision, which is made anew where another change came in between. The decision gives the record
   * to write, or undefined where nothing changes. Resolves with the record as it is now. Errors: the decision's;
   * RUNTARA_CONTENDED.
   */
  async change(id: string, decide: (known: Instance | undefined) => Instance | undefined): Promise<Instance> {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      const found = await this.find(id);
      const next = decide(found?.instance);
      if (next === undefined) {
        if (found === undefined) throw notFound(id);
        return found.instance;
      }
      const written = await this.records.put(at.instance(id), JSON.stringify(next), {
        ifSequence: found?.sequence ?? 0,
      });
      if (written !== undefined) return next;
      await sleep(Math.random() * PAUSE_MS * tries);
    }
    throw new NarunError("RUNTARA_CONTENDED", { detail: id });
  }

  /** As `change`, for an instance that is there. Error: RUNTARA_INSTANCE_NOT_FOUND. */
  changeKnown(id: string, decide: (known: Instance) => Instance | undefined): Promise<Instance> {
    return this.change(id, (known) => {
      if (known === undefined) throw notFound(id);
      return decide(known);
    });
  }

  /** Stores a payload; undefined where `isNew`, and there is one already. Error: RUNTARA_TOO_LARGE. */
  async putPayload(
    subject: string,
    bytes: Uint8Array,
    {
      isNew = false,
      owner,
      fields = {},
    }: { isNew?: boolean; owner: string; fields?: Record<string, string> },
  ): Promise<number | undefined> {
    checkSize(bytes);
    const condition = isNew ? { ifSequence: 0 } : {};
    const sized = { ...fields, [SIZE]: String(bytes.byteLength) };
    if (bytes.byteLength <= MAX_INLINE_BYTES)
      return this.records.put(subject, bytes, { ...condition, fields: sized });
    // The upload of a large state is saved where the state is there.
    if (isNew && (await this.records.get(subject)) !== undefined) return undefined;
    const name = `${tokenOf(owner)}/${crypto.randomUUID()}`;
    const { version } = await this.#objects.put(name, inOne(bytes));
    const named = { ...sized, [OBJECT]: name, [VERSION]: version };
    const written = await this.records.put(subject, "", { ...condition, fields: named });
    if (written === undefined) await this.#objects.delete(name);
    return written;
  }

  /** Error: OBJECT_NOT_FOUND, DIGEST_MISMATCH: its object is damaged. */
  async readPayload(record: StoredRecord): Promise<Uint8Array> {
    const [name, version] = [record.field(OBJECT), record.field(VERSION)];
    if (name === undefined || version === undefined) return record.data;
    const body = await this.#objects.read(name, version);
    if (body === undefined) throw new NarunError("OBJECT_NOT_FOUND", { detail: name });
    return Buffer.concat(await Array.fromAsync(body));
  }

  /** Removes an instance with all that belongs to it, if it has not changed. */
  async remove({ instance: { id }, sequence }: ReadInstance): Promise<void> {
    // Last of all: a removal that breaks off is found again.
    for (const subject of [at.work(id), at.signals(id), at.data(id)]) await this.records.purge(subject);
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page = await this.#objects.list({ prefix: `${tokenOf(id)}/`, limit: 100, after });
      for (const { name } of page.objects) await this.#objects.delete(name);
      after = page.next;
    }
    await this.records.delete(sequence);
  }
}

export async function openStore(nats: Nats): Promise<Store> {
  const { records, objects } = stores.runtara;
  const opened = await openRecords(nats, { stream: records, prefix: root });
  return new Store(opened, openByteObjects(nats, objects));
}

export function sizeOf(record: StoredRecord): number {
  return Number(record.field(SIZE) ?? record.data.byteLength);
}

function checkSize({ byteLength }: Uint8Array): void {
  if (byteLength > MAX_PAYLOAD_BYTES)
    throw new NarunError("RUNTARA_TOO_LARGE", {
      detail: `${byteLength} bytes, and ${MAX_PAYLOAD_BYTES} are the most`,
    });
}

async function* inOne(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

function readInstance({ data }: StoredRecord): Instance | undefined {
  return parseJson(Buffer.from(data).toString(), InstanceSchema);
}

export function notFound(id: string): NarunError {
  return new NarunError("RUNTARA_INSTANCE_NOT_FOUND", { detail: `instance ${id} not found` });
}

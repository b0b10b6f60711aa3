/**
 * The journals of durable workflows, in one stream: what appends to them and reads them. contracts/workflow.ts has the messages and
 * the invariants.
 *
 * I1  An append is one request with one acknowledgement. A record and the timer that it sets are one atomic batch: the server stores
 *     both or none.
 * I2  An append without an answer may have been stored: its sender looks, before it appends again.
 * I3  The timer of a workflow has one subject: a new one takes the place of the one before.
 */
import {
  createHeaders,
  type Headers,
  headerValue,
  isFinal,
  type JournalMessage,
  stores,
  subjects,
  type WorkflowInput,
  type WorkflowRecord,
} from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { isStreamMissing } from "../jetstream-errors.ts";
import { appendSurely } from "./append-surely.ts";
import { type Ack, askSurely, TIMEOUT_MS, writeSurely } from "./asking.ts";
import { readFresh } from "./fresh-read.ts";
import { type JournalEntry, readEntries } from "./read-journal.ts";

/** The names of one workflow. */
export interface WorkflowName {
  workflow: string;
  id: string;
}

/** A record that was stored. */
export interface JournaledRecord {
  seq: number;
  record: WorkflowRecord;
}

const EXPECTED = "Nats-Expected-Last-Subject-Sequence";
const MESSAGE_ID = "Nats-Msg-Id";
const { stream } = stores.workflows;

export class Journals {
  readonly #nats: Nats;
  readonly #batchPrefix = Math.random().toString(36).slice(2, 10) + Date.now().toString(36);
  #batches = 0;

  constructor(nats: Nats) {
    this.#nats = nats;
  }

  /**
   * Appends a record behind the record `after` (0: the first). Returns its sequence; undefined where another record is there. The
   * record is text, as its executor wrote it. `due`: sets the workflow's timer.
   */
  async append(name: WorkflowName, record: string, after: number, due?: number): Promise<number | undefined> {
    const subject = subjects.workflowLog(name.workflow, name.id);
    const attempt = () => {
      const headers = withField(EXPECTED, String(after));
      return due === undefined
        ? this.#write(subject, record, headers)
        : this.#batch(name, { subject, record, headers }, due);
    };
    return appendSurely({
      ...{ record, after, attempt },
      // In a cluster the condition may be broken by an earlier attempt of this very record.
      mayBeOwn: this.#nats.cluster.isCluster,
      // A host may not ask the leader. A server that is behind makes for another attempt, of the same condition.
      last: () => (this.#nats.role === "host" ? this.lastOf(subject) : this.#lastByLeader(subject)),
    });
  }

  /** Sends an input. `isStart`: only where there is none. False: there was one. */
  async send({ workflow, id }: WorkflowName, input: WorkflowInput, isStart = false): Promise<boolean> {
    const subject = subjects.workflowInputs(workflow, id);
    const text = JSON.stringify(input);
    const headers = createHeaders();
    if (isStart) headers.set(EXPECTED, ["0"]);
    const { seq } = await this.#write(subject, text, headers);
    return seq !== undefined;
  }

  /** Sends an input that the stream takes once for a message's id, within its window of duplicates. */
  async sendOnce({ workflow, id }: WorkflowName, input: WorkflowInput, messageId: string): Promise<void> {
    const headers = withField(MESSAGE_ID, messageId);
    await this.#write(subjects.workflowInputs(workflow, id), JSON.stringify(input), headers);
  }

  /** The last record of a workflow; `null`: it has begun, and has none; undefined: there is no such workflow. */
  async last({ workflow, id }: WorkflowName): Promise<JournaledRecord | null | undefined> {
    const last = await this.lastOf(subjects.workflowLog(workflow, id));
    if (last !== undefined) {
      const record = parsed(last.text) as WorkflowRecord | undefined;
      if (record !== undefined) return { seq: last.seq, record };
    }
    const input = await this.lastOf(subjects.workflowInputs(workflow, id));
    return input === undefined ? undefined : null;
  }

  /**
   * The sequence of the last input, and the last record, as a server has them that knows the journal up to a sequence at
   * least.
   */
  async lastOfBoth(
    { workflow, id }: WorkflowName,
    atLeast: number,
  ): Promise<{ input: number; last: JournaledRecord | undefined }> {
    const [inputs, log] = [subjects.workflowInputs(workflow, id), subjects.workflowLog(workflow, id)];
    const { cluster, world } = this.#nats;
    // A server outside of a cluster is never behind.
    const [input, found] = cluster.isCluster
      ? await readFresh(this.#nats, [world.toWire(inputs), world.toWire(log)], atLeast)
      : await Promise.all([this.#lastByLeader(inputs), this.#lastByLeader(log)]);
    const record = found && (parsed(found.text) as WorkflowRecord | undefined);
    return { input: input?.seq ?? 0, last: found && record && { seq: found.seq, record } };
  }

  /** The messages of a journal from the beginning of its run, in the stream's order. None, before the first workflow. */
  async read(name: WorkflowName, from = 1): Promise<JournalEntry[]> {
    const entries: JournalEntry[] = [];
    try {
      for await (const entry of readEntries(this.#nats, name, from)) entries.push(entry);
    } catch (error) {
      if (!isStreamMissing(error)) throw error;
    }
    return entries;
  }

  /** Whether an input with an id is in the journal. */
  async hasInput(name: WorkflowName, id: string): Promise<boolean> {
    const messages = (await this.read(name)).map(toMessage);
    return messages.some(({ in: input }) => input !== undefined && "id" in input && input.id === id);
  }

  /** The inputs behind a sequence. */
  async inputsAfter(name: WorkflowName, seen: number): Promise<JournalMessage[]> {
    const entries = await this.read(name, seen + 1);
    return entries.filter(({ kind }) => kind === "in").map(toMessage);
  }

  /**
   * Waits until a workflow has ended, for `waitMs` at most; returns its last record as `last` does. `begin` runs once the wait stands,
   * and tells whether it made the workflow.
   */
  async end(
    name: WorkflowName,
    waitMs: number,
    begin: () => Promise<boolean> = async () => false,
  ): Promise<JournaledRecord | null | undefined> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const subject = subjects.workflowEnd(name.workflow, name.id);
    const subscription = this.#nats.subscribe(subject, (message) => {
      ended = readStored(message.text());
      resolve();
    });
    let ended: JournaledRecord | undefined;
    const timer = setTimeout(resolve, waitMs);
    try {
      // One server has the subscription before the start. In a cluster another server may tell the end before it hears of it.
      const isHeard = (await begin()) && !this.#nats.cluster.isCluster;
      if (!isHeard) {
        const last = await this.last(name);
        if (last === undefined || (last !== null && isFinal(last.record.state))) return last;
      }
      await promise;
      return ended ?? (await this.last(name));
    } finally {
      clearTimeout(timer);
      subscription.unsubscribe();
    }
  }

  /** Tells waiting clients that a workflow has ended. */
  tellEnd({ workflow, id }: WorkflowName, seq: number, record: string): void {
    this.#nats.publish(subjects.workflowEnd(workflow, id), `{"seq":${seq},"record":${record}}`);
  }

  /**
   * Sets a timer that fires again and again, into the inputs of a name. One with this period is left alone: its next time would
   * begin anew, and never come where it is set more often than it fires.
   */
  async setRhythm({ workflow, id }: WorkflowName, everySeconds: number, input: WorkflowInput): Promise<void> {
    const period = `@every ${everySeconds}s`;
    const subject = subjects.workflowTimer(workflow, id);
    const last = await this.lastOf(subject);
    if (last !== undefined && headerValue(last.headers, "Nats-Schedule") === period) return;
    const headers = withField("Nats-Schedule", period);
    headers.set("Nats-Schedule-Target", [this.#nats.world.toWire(subjects.workflowInputs(workflow, id))]);
    // Of two that set it one is refused.
    headers.set(EXPECTED, [String(last?.seq ?? 0)]);
    await this.#write(subject, JSON.stringify(input), headers);
  }

  /** Removes a workflow, or the part of its log before a sequence. */
  async purge({ workflow, id }: WorkflowName, before?: number): Promise<void> {
    const subject =
      before === undefined ? subjects.workflowAll(workflow, id) : subjects.workflowLog(workflow, id);
    await this.#purge(subject, before);
  }

  async purgeInputs({ workflow, id }: WorkflowName): Promise<void> {
    await this.#purge(subjects.workflowInputs(workflow, id));
  }

  async #purge(subject: string, before?: number): Promise<void> {
    const filter = this.#nats.world.toWire(subject);
    const order = { filter, ...(before === undefined ? {} : { seq: before }) };
    await askSurely(this.#nats, () =>
      this.#nats.request(`$JS.API.STREAM.PURGE.${stream}`, JSON.stringify(order), { timeoutMs: TIMEOUT_MS }),
    );
  }

  /** The last message of a subject, by any server that has the stream. */
  async lastOf(
    subject: string,
  ): Promise<{ seq: number; text: string; headers: Headers | undefined } | undefined> {
    const wire = this.#nats.world.toWire(subject);
    const answer = await askSurely(this.#nats, () =>
      this.#nats.request(`$JS.API.DIRECT.GET.${stream}.${wire}`, "", { timeoutMs: TIMEOUT_MS }),
    );
    if (answer.status !== 0) return undefined;
    const { headers } = answer;
    return { seq: Number(headerValue(headers, "Nats-Sequence")), text: answer.text(), headers };
  }

  async #lastByLeader(subject: string): Promise<{ seq: number; text: string } | undefined> {
    const query = JSON.stringify({ last_by_subj: this.#nats.world.toWire(subject) });
    const answer = await askSurely(this.#nats, () =>
      this.#nats.request(`$JS.API.STREAM.MSG.GET.${stream}`, query, { timeoutMs: TIMEOUT_MS }),
    );
    const { message } = JSON.parse(answer.text()) as { message?: { seq: number; data?: string } };
    if (message === undefined) return undefined;
    return { seq: message.seq, text: Buffer.from(message.data ?? "", "base64").toString() };
  }

  #write(subject: string, data: string, headers: Headers): Promise<Ack> {
    if (this.#nats.cluster.isCluster && !headers.has(MESSAGE_ID))
      headers.set(MESSAGE_ID, [crypto.randomUUID()]);
    const options = { timeoutMs: TIMEOUT_MS, headers };
    return writeSurely(this.#nats, () => this.#nats.request(subject, data, options));
  }

  /** The record and its timer. */
  async #batch(
    name: WorkflowName,
    { subject, record, headers }: { subject: string; record: string; headers: Headers },
    due: number,
  ): Promise<Ack> {
    const { world } = this.#nats;
    const target = world.toWire(subjects.workflowInputs(name.workflow, name.id));
    return writeSurely(this.#nats, () => {
      this.#batches += 1;
      const id = `${this.#batchPrefix}.${this.#batches.toString(36)}`;
      const timer = createHeaders();
      timer.set("Nats-Batch-Id", [id]);
      timer.set("Nats-Batch-Sequence", ["1"]);
      timer.set("Nats-Schedule", [`@at ${new Date(due).toISOString()}`]);
      timer.set("Nats-Schedule-Target", [target]);
      const last = new Map(headers);
      last.set("Nats-Batch-Id", [id]);
      last.set("Nats-Batch-Sequence", ["2"]);
      last.set("Nats-Batch-Commit", ["1"]);
      this.#nats.publish(subjects.workflowTimer(name.workflow, name.id), TIMER, timer);
      return this.#nats.request(subject, record, { timeoutMs: TIMEOUT_MS, headers: last });
    });
  }
}

const TIMER = JSON.stringify({ t: "timer" } satisfies WorkflowInput);

function readStored(text: string): JournaledRecord | undefined {
  return parsed(text) as JournaledRecord | undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function withField(name: string, value: string): Headers {
  const headers = createHeaders();
  headers.set(name, [value]);
  return headers;
}

/** A message of a journal, as an executor reads it. */
export function toMessage({ kind, seq, at, text }: JournalEntry): JournalMessage {
  const content = JSON.parse(text);
  return kind === "in" ? { seq, at, in: content } : { seq, at, log: content };
}

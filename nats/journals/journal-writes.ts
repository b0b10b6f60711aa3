/** The writes to the journals over one connection, alone or together (grouped-writes.ts). */
import { type Headers, headerValue, stores } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { NoReplyError } from "../request.ts";
import { batchAnswerOf, TIMEOUT_MS, writeSurely } from "./asking.ts";
import { type Ack, type BatchAnswer, GroupedWrites, type JournalWrite, type Pace } from "./grouped-writes.ts";
import { WritePace } from "./write-pace.ts";

const { stream } = stores.workflows;
/** The end of the subjects of records. */
const LOG = ".log";
/** How long a measurement is waited for. */
const MEASURED_MS = 1_000;
const MESSAGE_ID = "Nats-Msg-Id";
const ofConnections = new WeakMap<Nats, JournalWrites>();

/** All journals of a connection share its writes. */
export function journalWritesOf(nats: Nats): JournalWrites {
  const known = ofConnections.get(nats) ?? new JournalWrites(nats);
  ofConnections.set(nats, known);
  return known;
}

export class JournalWrites {
  readonly #nats: Nats;
  readonly #grouped: GroupedWrites;
  readonly #batchPrefix = Math.random().toString(36).slice(2, 10) + Date.now().toString(36);
  #batches = 0;

  constructor(nats: Nats, pace: Pace = new WritePace()) {
    this.#nats = nats;
    const port = {
      alone: (write: JournalWrite) => this.alone(write),
      together: (writes: readonly JournalWrite[]) => this.#together(writes),
      storedAtMs: (write: JournalWrite, seq: number) => this.#storedAtMs(write, seq),
      nowMs: () => performance.now(),
    };
    this.#grouped = new GroupedWrites(port, pace);
  }

  /**
   * Perhaps together with others. Servers with copies of the stream store the plain messages of many senders together by
   * themselves, and may answer one of them twice: there each write goes alone.
   */
  write(write: JournalWrite): Promise<Ack> {
    return this.#nats.cluster.isCluster ? this.alone(write) : this.#grouped.write(write);
  }

  alone(write: JournalWrite): Promise<Ack> {
    const [only, ...more] = write.messages;
    if (only === undefined || more.length > 0) return writeSurely(this.#nats, () => this.#batch([write]));
    const { subject, data, headers } = only;
    if (this.#nats.cluster.isCluster && !headers.has(MESSAGE_ID))
      headers.set(MESSAGE_ID, [crypto.randomUUID()]);
    const options = { timeoutMs: TIMEOUT_MS, headers };
    return writeSurely(this.#nats, () => this.#nats.request(subject, data, options));
  }

  async #together(writes: readonly JournalWrite[]): Promise<BatchAnswer> {
    const count = writes.reduce((sum, { messages }) => sum + messages.length, 0);
    try {
      return batchAnswerOf(await this.#batch(writes), count);
    } catch (error) {
      // No stream has heard of it. Alone, each makes the stream.
      if (error instanceof NoReplyError && error.reason === "no-responders") return { kind: "refused" };
      throw error;
    }
  }

  /** A host may read the journals of its own functions, and appends to no others. */
  async #storedAtMs({ messages }: JournalWrite, seq: number): Promise<number> {
    const { subject } = messages.at(-1) ?? { subject: "" };
    if (!subject.endsWith(LOG)) return Number.NaN;
    const question = `$JS.API.DIRECT.GET.${stream}.${this.#nats.world.toWire(subject)}`;
    const { headers } = await this.#nats.request(question, "", { timeoutMs: MEASURED_MS });
    if (Number(headerValue(headers, "Nats-Sequence")) !== seq) return Number.NaN;
    const [, minutes, seconds] = /:(\d\d):([\d.]+)/.exec(headerValue(headers, "Nats-Time-Stamp") ?? "") ?? [];
    return (Number(minutes) * 60 + Number(seconds)) * 1_000;
  }

  /** One atomic batch of all messages, and the server's answer to it. */
  #batch(writes: readonly JournalWrite[]) {
    this.#batches += 1;
    const id = `${this.#batchPrefix}.${this.#batches.toString(36)}`;
    const messages = writes.flatMap((write) => write.messages);
    const headersOf = (headers: Headers, at: number) =>
      new Map(headers).set("Nats-Batch-Id", [id]).set("Nats-Batch-Sequence", [String(at)]);
    for (const [at, { subject, data, headers }] of messages.slice(0, -1).entries())
      this.#nats.publish(subject, data, headersOf(headers, at + 1));
    const last = messages.at(-1);
    if (last === undefined) throw new Error("a write without messages");
    const headers = headersOf(last.headers, messages.length).set("Nats-Batch-Commit", ["1"]);
    return this.#nats.request(last.subject, last.data, { timeoutMs: TIMEOUT_MS, headers });
  }
}

/**
 * The writes of a process to the journals. Where acknowledgements are fast each write leaves at once. Where they are slow, as with a
 * server that syncs each message to its disk, the writes that come while others are under way wait, and leave together as one
 * atomic batch.
 *
 * G1  A write is in one batch at most. After a batch it leaves once more only if the server refused the batch, which then has
 *     stored none of its messages: each goes alone, so that the server refuses the guilty one only.
 * G2  A batch without a clear answer may be stored: its writes are rejected, and their senders look (journal.ts, I2).
 * G3  Writes with one key leave in their order, and a batch has one of them at most: the server refuses a second condition on a
 *     subject.
 * G4  The messages of a batch are stored one behind the other: the last sequence tells all of them.
 * G5  A write waits for `SET_MS` at most for those before it.
 */
import type { Headers } from "../../contracts/index.ts";

/** Messages that are stored together or not at all. The last one is acknowledged. */
export interface JournalWrite {
  key: string;
  messages: readonly { subject: string; data: string; headers: Headers }[];
}

/** A server's answer to a write. */
export interface Ack {
  /** The sequence of the last message. Undefined: another message is there. */
  seq: number | undefined;
}

export type BatchAnswer =
  | { kind: "stored"; seq: number }
  /** Nothing was stored. `unfit`: the server takes no such batches. */
  | { kind: "refused" | "unfit" };

export interface WritePort {
  alone(write: JournalWrite): Promise<Ack>;
  /** Rejects where it may be stored. */
  together(writes: readonly JournalWrite[]): Promise<BatchAnswer>;
  /** When a write was stored, by the server's clock, in milliseconds. NaN: it is not known. Its key has no later message. */
  storedAtMs(write: JournalWrite, seq: number): Promise<number>;
  nowMs(): number;
}

/** When writes go together (write-pace.ts). */
export interface Pace {
  /** The server's time for each of the single messages that were sent together. */
  noteAlone(eachMs: number, nowMs: number): void;
  noteBatch(tookMs: number, nowMs: number): void;
  noteUnfit(nowMs: number): void;
  isSlow(count: number, nowMs: number): boolean;
  isBatch(count: number, nowMs: number): boolean;
  /** Single messages want to be measured. */
  isUnknown(nowMs: number): boolean;
}

interface Waiting {
  write: JournalWrite;
  resolve(ack: Ack | Promise<Ack>): void;
  reject(error: unknown): void;
}

/** How long writes are waited for before the next ones leave. */
const SET_MS = 1_000;
/** Upper bound of the messages of a batch; the server's is 1,000. */
const MAX_MESSAGES = 256;
/** Upper bound of the characters of a batch. */
const MAX_CHARACTERS = 1024 * 1024;
/** How many messages of a set tell how long each took. */
const LEAST_MEASURED = 4;
/** How many sets in a row are no batches before writes leave at once again. */
const MOST_LEAN = 4;

export class GroupedWrites {
  readonly #port: WritePort;
  readonly #pace: Pace;
  #waiting: Waiting[] = [];
  #underWay = 0;
  #isGrouping = false;
  #lean = 0;
  #isLeaving = false;
  #limit: NodeJS.Timeout | undefined;

  constructor(port: WritePort, pace: Pace) {
    this.#port = port;
    this.#pace = pace;
  }

  write(write: JournalWrite): Promise<Ack> {
    if (!this.#isGrouping && this.#pace.isSlow(this.#underWay + 1, this.#port.nowMs())) this.#beginGrouping();
    if (!this.#isGrouping) return this.#alone(write);
    const { promise, resolve, reject } = Promise.withResolvers<Ack>();
    this.#waiting.push({ write, resolve, reject });
    this.#leaveSoon();
    return promise;
  }

  #beginGrouping(): void {
    this.#isGrouping = true;
    this.#lean = 0;
    this.#beginLimit();
  }

  /** Sends the waiting writes. Later ones leave at once. */
  #endGrouping(): void {
    this.#isGrouping = false;
    clearTimeout(this.#limit);
    for (const { write, resolve } of this.#waiting.splice(0)) resolve(this.#alone(write));
  }

  #beginLimit(): void {
    clearTimeout(this.#limit);
    this.#limit = setTimeout(() => this.#endGrouping(), SET_MS);
    this.#limit.unref();
  }

  async #alone(write: JournalWrite): Promise<Ack> {
    this.#underWay += 1;
    try {
      return await this.#port.alone(write);
    } finally {
      this.#end(1);
    }
  }

  #end(count: number): void {
    this.#underWay -= count;
    if (this.#isGrouping) this.#leaveSoon();
  }

  /** The writes of one turn of the event loop leave together. */
  #leaveSoon(): void {
    if (this.#isLeaving || this.#underWay > 0 || this.#waiting.length === 0) return;
    this.#isLeaving = true;
    setImmediate(() => {
      this.#isLeaving = false;
      if (this.#isGrouping && this.#underWay === 0) this.#leave();
    });
  }

  #leave(): void {
    const set = this.#takeSet();
    if (this.#pace.isBatch(set.length, this.#port.nowMs())) {
      this.#lean = 0;
      this.#beginLimit();
      void this.#together(set);
      return;
    }
    this.#lean += 1;
    const isMeasured = set.length >= LEAST_MEASURED && this.#pace.isUnknown(this.#port.nowMs());
    const acks = set.map(({ write }) => this.#alone(write));
    const measured = isMeasured ? this.#measure(set, acks) : undefined;
    for (const [at, { resolve }] of set.entries()) {
      const ack = acks[at] as Promise<Ack>;
      const isHeld = measured !== undefined && (at === 0 || at === set.length - 1);
      resolve(isHeld ? measured.then(() => ack) : ack);
    }
    if (this.#lean >= MOST_LEAN) this.#endGrouping();
    else this.#beginLimit();
  }

  /** The two ends of a set are told after the question: their senders append nothing meanwhile. */
  async #measure(set: readonly Waiting[], acks: readonly Promise<Ack>[]): Promise<void> {
    const storedAt = async (at: number) => {
      const [one, ack] = [set.at(at), await acks.at(at)];
      if (one === undefined || ack?.seq === undefined) return { seq: 0, ms: Number.NaN };
      return { seq: ack.seq, ms: await this.#port.storedAtMs(one.write, ack.seq) };
    };
    try {
      const [first, last] = await Promise.all([storedAt(0), storedAt(-1)]);
      const eachMs = (last.ms - first.ms) / (last.seq - first.seq);
      if (eachMs >= 0) this.#pace.noteAlone(eachMs, this.#port.nowMs());
    } catch {
      // A later set is measured.
    }
  }

  /** The next writes, one of a key at most. */
  #takeSet(): Waiting[] {
    const set: Waiting[] = [];
    const rest: Waiting[] = [];
    const keys = new Set<string>();
    let [messages, characters] = [0, 0];
    for (const one of this.#waiting) {
      const { key } = one.write;
      const isNext = !keys.has(key);
      keys.add(key);
      const size = one.write.messages.reduce((sum, { data }) => sum + data.length, 0);
      const fits =
        messages + one.write.messages.length <= MAX_MESSAGES && characters + size <= MAX_CHARACTERS;
      if (!isNext || (set.length > 0 && !fits)) {
        rest.push(one);
        continue;
      }
      set.push(one);
      messages += one.write.messages.length;
      characters += size;
    }
    this.#waiting = rest;
    return set;
  }

  async #together(set: readonly Waiting[]): Promise<void> {
    const startedAtMs = this.#port.nowMs();
    this.#underWay += set.length;
    try {
      const answer = await this.#port.together(set.map(({ write }) => write));
      const nowMs = this.#port.nowMs();
      if (answer.kind === "unfit") this.#pace.noteUnfit(nowMs);
      if (answer.kind === "stored") {
        this.#pace.noteBatch(nowMs - startedAtMs, nowMs);
        this.#tellStored(set, answer.seq);
      } else await Promise.all(set.map((one) => this.#aloneAfter(one)));
    } catch (error) {
      for (const { reject } of set) reject(error);
    } finally {
      this.#end(set.length);
    }
  }

  #tellStored(set: readonly Waiting[], last: number): void {
    let seq = last;
    for (const { write, resolve } of set.toReversed()) {
      resolve({ seq });
      seq -= write.messages.length;
    }
  }

  async #aloneAfter({ write, resolve, reject }: Waiting): Promise<void> {
    await this.#port.alone(write).then(resolve, reject);
  }
}

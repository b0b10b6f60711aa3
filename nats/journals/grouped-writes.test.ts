/**
 * Grouped writes against a model of the server: executors of a few workflows append in two processes, some of them stale, while
 * acknowledgements get lost, and messages come late.
 */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { NoReplyError } from "../request.ts";
import { appendSurely } from "./append-surely.ts";
import { type Ack, type BatchAnswer, GroupedWrites, type JournalWrite } from "./grouped-writes.ts";

const EXPECTED = "Nats-Expected-Last-Subject-Sequence";

interface Stored {
  seq: number;
  key: string;
  text: string;
}

/** A request that waits for the test's decision. */
interface Pending {
  writes: readonly JournalWrite[];
  answer(stored: number | undefined): void;
  lose(): void;
}

type Fate = "answer" | "lose request" | "lose answer" | "come late";

/** The rules of a stream: a condition on the last message of a subject, and batches that are stored whole or not at all. */
class Model {
  readonly stored: Stored[] = [];
  readonly pending: Pending[] = [];
  readonly late: Pending[] = [];
  readonly batches: number[] = [];
  readonly faults: string[] = [];
  seq = 0;
  readonly #isAtomic: boolean;

  constructor(isAtomic = true) {
    this.#isAtomic = isAtomic;
  }

  last(key: string): Stored | undefined {
    return this.stored.findLast((one) => one.key === key);
  }

  #isFit({ key, messages }: JournalWrite): boolean {
    const expected = messages.at(-1)?.headers.get(EXPECTED)?.[0];
    return expected === undefined || Number(expected) === (this.last(key)?.seq ?? 0);
  }

  /** The sequence of the last message; undefined: refused. */
  store(writes: readonly JournalWrite[]): number | undefined {
    if (new Set(writes.map(({ key }) => key)).size < writes.length)
      this.faults.push("a batch has two writes of one key");
    const fit = writes.filter((write) => this.#isFit(write));
    if (this.#isAtomic && fit.length < writes.length) return undefined;
    for (const { key, messages } of fit) {
      this.seq += messages.length;
      this.stored.push({ seq: this.seq, key, text: messages.at(-1)?.data ?? "" });
    }
    return fit.length < writes.length ? undefined : this.seq;
  }

  decide(fate: Fate, which: number): void {
    const [one] = this.pending.splice(which % Math.max(1, this.pending.length), 1);
    if (one === undefined) return;
    if (fate === "answer") one.answer(this.store(one.writes));
    else {
      if (fate === "lose answer") this.store(one.writes);
      if (fate === "come late") this.late.push(one);
      one.lose();
    }
  }

  arrive(): void {
    const one = this.late.shift();
    if (one !== undefined) this.store(one.writes);
  }

  port() {
    const send = <T>(writes: readonly JournalWrite[], read: (seq: number | undefined) => T): Promise<T> => {
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      const lose = () => reject(new NoReplyError("timeout", "model"));
      this.pending.push({ writes, answer: (seq) => resolve(read(seq)), lose });
      return promise;
    };
    return {
      alone: (write: JournalWrite) => send([write], (seq): Ack => ({ seq })),
      together: (writes: readonly JournalWrite[]) => {
        this.batches.push(writes.length);
        return send(
          writes,
          (seq): BatchAnswer => (seq === undefined ? { kind: "refused" } : { kind: "stored", seq }),
        );
      },
      storedAtMs: async () => Number.NaN,
      nowMs: () => 0,
    };
  }
}

/** Writes go together wherever two wait. */
const ALWAYS = {
  noteAlone: () => undefined,
  noteBatch: () => undefined,
  noteUnfit: () => undefined,
  isSlow: (count: number) => count > 1,
  isBatch: (count: number) => count > 1,
  isUnknown: () => false,
};

function writeOf(key: string, text: string, after: number, isTimed = false): JournalWrite {
  const headers = new Map([[EXPECTED, [String(after)]]]);
  const timer = { subject: `${key}.at`, data: "timer", headers: new Map() };
  return { key, messages: [...(isTimed ? [timer] : []), { subject: key, data: text, headers }] };
}

interface Told {
  key: string;
  text: string;
  seq: number | undefined | "unclear";
}

/** Appends records one behind the other, until it is refused or does not know. */
async function execute(
  model: Model,
  grouped: GroupedWrites,
  executor: { key: string; name: string; count: number; after: number },
  told: Told[],
): Promise<void> {
  const { key, name, count } = executor;
  const port = model.port();
  let { after } = executor;
  for (let n = 0; n < count; n += 1) {
    const record = `${name}:${n}`;
    const write = writeOf(key, record, after, n % 3 === 2);
    const seq = await appendSurely({
      ...{ record, after, mayBeOwn: false },
      attempt: (isFirst) => (isFirst ? grouped.write(write) : port.alone(write)),
      last: async () => model.last(key),
    }).catch(() => "unclear" as const);
    told.push({ key, text: record, seq });
    if (typeof seq !== "number") return;
    after = seq;
  }
}

const settled = async () => {
  for (let turn = 0; turn < 4; turn += 1) await new Promise(setImmediate);
};

const executorArb = fc.record({
  key: fc.constantFrom("a", "b", "c", "d", "e"),
  process: fc.nat(1),
  count: fc.integer({ min: 1, max: 6 }),
  isStale: fc.boolean(),
});
const choiceArb = fc.oneof(
  { weight: 5, arbitrary: fc.record({ fate: fc.constant<Fate>("answer"), which: fc.nat(9) }) },
  fc.record({ fate: fc.constantFrom<Fate>("lose request", "lose answer", "come late"), which: fc.nat(9) }),
  fc.record({ fate: fc.constant("arrive" as const), which: fc.nat(9) }),
);
type Choice = { fate: Fate | "arrive"; which: number };
type Plan = { key: string; process: number; count: number; isStale: boolean };

async function play(plans: readonly Plan[], choices: readonly Choice[], isAtomic: boolean) {
  const model = new Model(isAtomic);
  // The stale executors begin behind a record that is the last one no longer.
  for (const key of ["a", "b", "c", "d", "e"])
    for (const text of ["old", "new"]) model.stored.push({ seq: ++model.seq, key, text: `${text} ${key}` });
  const processes = [0, 1].map(() => new GroupedWrites(model.port(), ALWAYS));
  const told: Told[] = [];
  const running = plans.map(({ key, process, count, isStale }, at) => {
    const last = model.last(key)?.seq ?? 0;
    const executor = { key, count, name: `x${at}`, after: isStale ? last - 1 : last };
    return execute(model, processes[process] as GroupedWrites, executor, told);
  });
  let isOver = false;
  const all = Promise.all(running).then(() => {
    isOver = true;
  });
  for (const { fate, which } of choices) {
    await settled();
    if (fate === "arrive") model.arrive();
    else model.decide(fate, which);
  }
  while (!isOver) {
    await settled();
    model.decide("answer", 0);
  }
  await all;
  while (model.late.length > 0) model.arrive();
  return { model, told };
}

function check({ model, told }: { model: Model; told: Told[] }): void {
  expect(model.faults).toEqual([]);
  const texts = model.stored.map(({ text }) => text);
  expect(new Set(texts).size, "nothing is stored twice").toBe(texts.length);
  for (const { key, text, seq } of told) {
    const there = model.stored.find((one) => one.text === text);
    if (typeof seq === "number") expect(there, "as it was told").toEqual({ seq, key, text });
    if (seq === undefined) expect(there, `${text} was refused`).toBeUndefined();
  }
  for (const [at, name] of texts.map((text) => text.split(":")[0]).entries()) {
    const own = texts.filter((text) => text.startsWith(`${name}:`));
    expect(own, `the order of ${at}`).toEqual(own.map((_, n) => `${name}:${n}`));
  }
}

const NUM_RUNS = Number(process.env.NARUN_RUNS ?? 300);
const caseArb = [
  fc.array(executorArb, { minLength: 2, maxLength: 8 }),
  fc.array(choiceArb, { maxLength: 60 }),
] as const;

describe("grouped writes", () => {
  it("store each record once, and tell only what is so, whatever gets lost", async () => {
    let batches = 0;
    const property = fc.asyncProperty(...caseArb, async (plans, choices) => {
      const played = await play(plans, choices, true);
      batches += played.model.batches.length;
      check(played);
    });
    await fc.assert(property, { numRuns: NUM_RUNS });
    expect(batches).toBeGreaterThan(NUM_RUNS / 2);
  });

  it("would not, if a refused batch stored a part", async () => {
    const property = fc.asyncProperty(...caseArb, async (plans, choices) =>
      check(await play(plans, choices, false)),
    );
    await expect(fc.assert(property, { numRuns: 1_000, endOnFailure: true })).rejects.toThrow();
  });

  it("that are refused together are refused one by one: only the guilty one stays out", async () => {
    const model = new Model();
    const grouped = new GroupedWrites(model.port(), ALWAYS);
    const keys = ["a", "b", "c", "d"];
    const first = grouped.write(writeOf("z", "first", 0));
    const acks = keys.map((key) => grouped.write(writeOf(key, key, key === "c" ? 7 : 0)));
    model.decide("answer", 0);
    await settled();
    expect(model.batches).toEqual([4]);
    while (model.pending.length > 0) {
      model.decide("answer", 0);
      await settled();
    }
    expect(await first).toEqual({ seq: 1 });
    expect(await Promise.all(acks)).toEqual([{ seq: 2 }, { seq: 3 }, { seq: undefined }, { seq: 4 }]);
  });

  it("tell the sequence of each record behind its timers", async () => {
    const model = new Model();
    const grouped = new GroupedWrites(model.port(), ALWAYS);
    void grouped.write(writeOf("z", "first", 0));
    const acks = ["a", "b", "c"].map((key) => grouped.write(writeOf(key, key, 0, key !== "b")));
    model.decide("answer", 0);
    await settled();
    model.decide("answer", 0);
    expect(await Promise.all(acks)).toEqual([{ seq: 3 }, { seq: 4 }, { seq: 6 }]);
  });

  it("leave at once where acknowledgements are fast", () => {
    const model = new Model();
    const grouped = new GroupedWrites(model.port(), { ...ALWAYS, isSlow: () => false });
    for (const key of ["a", "b", "c"]) void grouped.write(writeOf(key, key, 0));
    expect(model.pending).toHaveLength(3);
  });

  it("are measured where they go one by one, by the server's clock", async () => {
    const model = new Model();
    const measured: number[] = [];
    const port = { ...model.port(), storedAtMs: async (_write: JournalWrite, seq: number) => 100 + seq / 2 };
    const pace = { ...ALWAYS, isBatch: () => false, isUnknown: () => true };
    const grouped = new GroupedWrites(port, {
      ...pace,
      noteAlone: (eachMs: number) => measured.push(eachMs),
    });
    for (const key of ["a", "b", "c", "d", "e", "f"]) void grouped.write(writeOf(key, key, 0));
    for (let turn = 0; turn < 6; turn += 1) {
      model.decide("answer", 0);
      await settled();
    }
    expect(measured).toEqual([0.5]);
  });

  it("do not wait for ever for one without an answer", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const model = new Model();
      const grouped = new GroupedWrites(model.port(), ALWAYS);
      for (const key of ["a", "b", "c"]) void grouped.write(writeOf(key, key, 0));
      await settled();
      expect(model.pending).toHaveLength(1);
      vi.advanceTimersByTime(1_000);
      expect(model.pending).toHaveLength(3);
    } finally {
      vi.useRealTimers();
    }
  });
});

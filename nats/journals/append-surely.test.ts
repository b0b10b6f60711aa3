/**
 * Appends against a model of the stream: executors of one workflow append one behind the other, some of them behind a record that
 * is the last one no longer, while answers and requests get lost, and requests come late.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { NoReplyError } from "../request.ts";
import { appendSurely } from "./append-surely.ts";
import type { Ack } from "./asking.ts";

interface Stored {
  seq: number;
  text: string;
}

type Fate = "answered" | "request lost" | "answer lost" | "late";

class Model {
  readonly stored: Stored[] = [];
  readonly #fates: Fate[];
  /** Requests whose senders have given them up. */
  #late: (() => void)[] = [];
  readonly #checksCondition: boolean;

  constructor(fates: readonly Fate[], checksCondition = true) {
    this.#fates = [...fates];
    this.#checksCondition = checksCondition;
  }

  last(): Stored | undefined {
    return this.stored.at(-1);
  }

  store(text: string, after: number): Ack {
    const last = this.last()?.seq ?? 0;
    if (this.#checksCondition && last !== after) return { seq: undefined };
    this.stored.push({ seq: last + 1, text });
    return { seq: last + 1 };
  }

  async attempt(text: string, after: number): Promise<Ack> {
    await Promise.resolve();
    const fate = this.#fates.shift() ?? "answered";
    if (fate === "late") this.#late.push(() => this.store(text, after));
    const ack = fate === "answered" || fate === "answer lost" ? this.store(text, after) : undefined;
    if (fate === "answered" && ack !== undefined) return ack;
    throw new NoReplyError("timeout", "model");
  }

  arrive(): void {
    for (const come of this.#late.splice(0)) come();
  }
}

interface Told {
  text: string;
  seq: number | undefined | "unclear";
}

async function execute(model: Model, name: string, begin: number): Promise<Told[]> {
  const told: Told[] = [];
  for (let after = begin, n = 0; n < 4; n += 1) {
    const record = `${name}:${n}`;
    const seq = await appendSurely({
      ...{ record, after, mayBeOwn: false },
      attempt: () => model.attempt(record, after),
      async last() {
        const last = model.last();
        model.arrive();
        return last;
      },
    }).catch(() => "unclear" as const);
    told.push({ text: record, seq });
    if (typeof seq !== "number") break;
    after = seq;
  }
  return told;
}

async function play(model: Model, stale: readonly boolean[]): Promise<void> {
  model.store("old", 0);
  model.store("new", 1);
  const told = (
    await Promise.all(stale.map((isStale, at) => execute(model, `x${at}`, isStale ? 1 : 2)))
  ).flat();
  model.arrive();
  const texts = model.stored.map(({ text }) => text);
  expect(new Set(texts).size, "nothing is stored twice").toBe(texts.length);
  for (const { text, seq } of told) {
    const there = model.stored.find((one) => one.text === text);
    if (typeof seq === "number") expect(there, "as it was told").toEqual({ seq, text });
    if (seq === undefined) expect(there, `${text} was refused`).toBeUndefined();
  }
}

const fatesOf = fc.array(
  fc.constantFrom<Fate>("answered", "answered", "request lost", "answer lost", "late"),
  {
    maxLength: 30,
  },
);
const staleOf = fc.array(fc.boolean(), { minLength: 1, maxLength: 4 });

it("each record is stored once, and only what is so is told, whatever gets lost", async () => {
  await fc.assert(fc.asyncProperty(fatesOf, staleOf, (fates, stale) => play(new Model(fates), stale)));
});

it("it would not be, if the stream did not check the record before", async () => {
  const broken = fc.asyncProperty(fatesOf, staleOf, (fates, stale) => play(new Model(fates, false), stale));
  await expect(fc.assert(broken, { endOnFailure: true })).rejects.toThrow();
});

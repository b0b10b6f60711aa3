/**
 * Executors against a model of a journal: any number of them, of which some are stale, crash, or lose an acknowledgement, while
 * signals come twice and time goes on. The model is the server's rule alone: a record is stored behind its expected one.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type End, Executor } from "./executor.ts";
import type { JournalMessage, WorkflowInput, WorkflowRecord } from "./messages.ts";
import type { WorkflowState } from "./state.ts";

type Op = "step" | "flaky" | "two steps" | "sleep" | "wait";
type Choice =
  | { do: "store" | "lose ack" | "crash"; which: number }
  | { do: "start"; stale: number }
  | { do: "signal"; twice: boolean }
  | { do: "time"; ms: number };

const opArb = fc.constantFrom<Op>("step", "flaky", "two steps", "sleep", "wait");
const choiceArb: fc.Arbitrary<Choice> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("store" as const), which: fc.nat(3) }) },
  fc.record({ do: fc.constant("lose ack" as const), which: fc.nat(3) }),
  fc.record({ do: fc.constant("crash" as const), which: fc.nat(3) }),
  fc.record({ do: fc.constant("start" as const), stale: fc.nat(6) }),
  fc.record({ do: fc.constant("signal" as const), twice: fc.boolean() }),
  fc.record({ do: fc.constant("time" as const), ms: fc.nat(2_000) }),
);

/** An append that waits for the test's decision. */
interface Pending {
  executor: number;
  record: WorkflowRecord;
  after: number;
  answer(seq: number | undefined): void;
}

class Model {
  readonly journal: JournalMessage[] = [{ seq: 1, at: 0, in: { t: "start" } }];
  readonly pending: Pending[] = [];
  /** Executors that were refused, or have crashed: they may have no effects any more. */
  readonly over = new Set<number>();
  readonly faults: string[] = [];
  runs = 0;
  clock = 0;
  signals = 0;
  executors = 0;
  readonly #isFenced: boolean;

  constructor(isFenced: boolean) {
    this.#isFenced = isFenced;
  }

  get records(): WorkflowRecord[] {
    return this.journal.flatMap(({ log }) => (log === undefined ? [] : [log]));
  }

  get lastLog(): number {
    return this.journal.findLast(({ log }) => log !== undefined)?.seq ?? 0;
  }

  store({ record, after }: Pending): number | undefined {
    if (this.#isFenced && after !== this.lastLog) return undefined;
    this.journal.push({ seq: this.journal.length + 1, at: this.clock, log: structuredClone(record) });
    return this.journal.length;
  }

  input(input: WorkflowInput): void {
    this.journal.push({ seq: this.journal.length + 1, at: this.clock, in: input });
  }

  /** Runs the program on the journal, of which the last `stale` messages are missing. */
  start(program: readonly Op[], stale: number): void {
    const executor = this.executors;
    this.executors += 1;
    const messages = structuredClone(this.journal.slice(0, Math.max(1, this.journal.length - stale)));
    if (messages.some(({ log }) => log?.state === "done")) return;
    const run = new Executor({
      messages,
      isTakeover: executor > 0,
      signal: new AbortController().signal,
      random: () => () => 0.5,
      start: (state) => runProgram(program, state, (n) => this.effect(executor, n)),
      port: {
        now: () => this.clock,
        append: (record, after) => {
          const { promise, resolve } = Promise.withResolvers<number | undefined>();
          this.pending.push({ executor, record, after, answer: resolve });
          return promise;
        },
        turn: (_at, begin) =>
          new Promise((resolve) => {
            begin();
            setImmediate(resolve);
          }),
      },
    }).run();
    run.catch((error: unknown) => this.faults.push(String(error)));
  }

  effect(executor: number, n: number): string {
    this.runs += 1;
    if (this.over.has(executor)) this.faults.push(`executor ${executor} began ${n} after its end`);
    const settled = new Set(this.records.flatMap(({ got = [] }) => got.map(([of]) => of)));
    // The commands before it are settled, except its neighbour of a pair, sleeps and waits.
    const steps = this.records.flatMap(({ did = [] }) => did).map(([kind], of) => ({ kind, of }));
    const missing = steps.find(({ kind, of }) => kind === "step" && of < n - 1 && !settled.has(of));
    if (missing !== undefined) this.faults.push(`${n} began before the result of ${missing.of} was stored`);
    return `${n} by run ${this.runs}`;
  }

  decide(choice: Choice, program: readonly Op[]): void {
    if (choice.do === "start") this.start(program, choice.stale);
    else if (choice.do === "time") this.clock += choice.ms;
    else if (choice.do === "signal") {
      this.signals += 1;
      for (const id of choice.twice ? [this.signals, this.signals] : [this.signals])
        this.input({ t: "signal", id: String(id), name: "go", payload: id });
    } else this.settle(choice.do, choice.which);
  }

  settle(how: "store" | "lose ack" | "crash", which: number): void {
    const [chosen] = this.pending.splice(which % Math.max(1, this.pending.length), 1);
    if (chosen === undefined) return;
    const seq = how === "crash" ? undefined : this.store(chosen);
    if (how !== "store" || seq === undefined) this.over.add(chosen.executor);
    // A crashed executor never hears anything.
    if (how === "store") chosen.answer(seq);
  }
}

async function runProgram(
  program: readonly Op[],
  state: WorkflowState,
  effect: (n: number) => string,
): Promise<End> {
  const results: unknown[] = [];
  const step = (isFlaky = false) => {
    const n = state.commands.length;
    const retry = { max: 3, backoff: "constant" as const, delayMs: 100, maxDelayMs: 100 };
    const work = async (attempt: number) => {
      const result = effect(n);
      if (isFlaky && attempt < 3) throw new Error("not yet");
      return result;
    };
    return state.issue("step", `step ${n}`, { effect: work, retry });
  };
  for (const op of program) {
    if (op === "two steps") results.push(await Promise.all([step(), step()]));
    else if (op === "sleep") await state.issue("sleep", "", { until: state.at + 500 });
    else if (op === "wait") results.push(await state.issue("wait", "go"));
    else results.push(await step(op === "flaky"));
  }
  return { state: "done", value: results };
}

/** The results that the journal has, in the order of the program. */
function resultsOf(program: readonly Op[], model: Model): unknown[] {
  const got = new Map(
    model.records
      .flatMap((record) => record.got ?? [])
      .flatMap((one) => (one[1] === "ok" ? [[one[0], one[2]]] : [])),
  );
  const signals = [
    ...new Set(model.journal.flatMap((one) => (one.in?.t === "signal" ? [one.in.payload] : []))),
  ];
  let n = 0;
  return program.flatMap((op): unknown[] => {
    const next = () => got.get(n++);
    if (op === "two steps") return [[next(), next()]];
    if (op !== "sleep" && op !== "wait") return [next()];
    n += 1;
    return op === "wait" ? [signals.shift()] : [];
  });
}

const settled = async () => {
  for (let turn = 0; turn < 6; turn += 1) await new Promise(setImmediate);
};

async function play(program: readonly Op[], choices: readonly Choice[], isFenced: boolean): Promise<Model> {
  const model = new Model(isFenced);
  model.start(program, 0);
  for (const choice of choices) {
    await settled();
    model.decide(choice, program);
  }
  const isDone = () => model.records.at(-1)?.state === "done";
  for (let round = 0; round < 200 && !isDone(); round += 1) {
    await settled();
    if (model.pending.length > 0) model.settle("store", 0);
    else {
      model.decide({ do: "time", ms: 1_000 }, program);
      if (round % 3 === 0) model.decide({ do: "signal", twice: false }, program);
      model.start(program, 0);
    }
  }
  expect(isDone(), "it ends").toBe(true);
  return model;
}

function check(program: readonly Op[], model: Model): void {
  expect(model.faults).toEqual([]);
  const results = model.records.flatMap(({ got = [] }) =>
    got.filter(([, what]) => what === "ok").map(([n]) => n),
  );
  expect(new Set(results).size, "no result is replaced").toBe(results.length);
  expect(model.records.filter(({ state }) => state === "done")).toHaveLength(1);
  expect(model.records.at(-1)?.value).toEqual(resultsOf(program, model));
}

const caseArb = [
  fc.array(opArb, { minLength: 1, maxLength: 6 }),
  fc.array(choiceArb, { maxLength: 40 }),
] as const;

describe("executors of one workflow", () => {
  it("record each result once, and act only on recorded ones, whatever becomes of them", async () => {
    const property = fc.asyncProperty(...caseArb, async (program, choices) =>
      check(program, await play(program, choices, true)),
    );
    await fc.assert(property, { numRuns: Number(process.env.NARUN_RUNS ?? 300) });
  });

  it("would not, if a journal took records of stale executors", async () => {
    const property = fc.asyncProperty(...caseArb, async (program, choices) =>
      check(program, await play(program, choices, false)),
    );
    await expect(fc.assert(property, { numRuns: 1_000, endOnFailure: true })).rejects.toThrow();
  });
});

/**
 * Random orders of calls, signals, claims and ends against a small model of the rules: a final state stays but for `resume`,
 * a former run changes nothing, the newest signal is never taken by an older one's acknowledgement.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isNarunError } from "../../contracts/index.ts";
import { type Instance, isFinal, type SignalType } from "./record.ts";
import { claim, ended } from "./run-transitions.ts";
import * as transitions from "./transitions.ts";

interface Model {
  now: number;
  instance: Instance;
}

type Step = (model: Model) => Instance | undefined;

const IMAGE = { id: "image", name: "image" };
const caller = (instance: Instance, run: number | undefined) => ({
  instance: instance.id,
  tenant: "acme",
  run,
});

const runArbitrary = fc.constantFrom("present", "former", "none");
const runOf = ({ instance }: Model, which: string) =>
  which === "none" ? undefined : which === "present" ? instance.run : instance.run - 1;

const steps: fc.Arbitrary<{ name: string; step: Step; run: string }>[] = [
  fc.record({ run: runArbitrary, status: fc.constantFrom("completed", "failed") }).map(({ run, status }) => ({
    name: status,
    run,
    step: (model) =>
      transitions.end(
        model.instance,
        caller(model.instance, runOf(model, run)),
        { status, reason: "x" } as never,
        model.now,
      ),
  })),
  runArbitrary.map((run) => ({
    name: "suspend",
    run,
    step: (model) =>
      transitions.suspend(model.instance, caller(model.instance, runOf(model, run)), model.now),
  })),
  runArbitrary.map((run) => ({
    name: "register",
    run,
    step: (model) =>
      transitions.register(
        model.instance,
        { ...caller(model.instance, runOf(model, run)), tenant: "acme" },
        model.now,
      ),
  })),
  fc
    .record({ run: runArbitrary, type: fc.constantFrom<SignalType>("cancel", "pause") })
    .map(({ run, type }) => ({
      name: `ack ${type}`,
      run,
      step: (model) =>
        transitions.acknowledge(model.instance, caller(model.instance, runOf(model, run)), type, model.now),
    })),
  fc.constantFrom<SignalType>("cancel", "pause").map((type) => ({
    name: `signal ${type}`,
    run: "none",
    step: (model) => transitions.signal(model.instance, { type, payload: undefined }, model.now),
  })),
  fc.constant({ name: "show", run: "none", step: (model: Model) => transitions.show(model.instance) }),
  fc.constant({ name: "resume", run: "none", step: (model: Model) => transitions.resume(model.instance) }),
  fc.constant({
    name: "stop",
    run: "none",
    step: (model: Model) => transitions.stop(model.instance, { graceMs: 10, reason: "x" }, model.now),
  }),
  fc.constant({
    name: "sleep",
    run: "none",
    step: (model: Model) => {
      transitions.checkRunning(model.instance, caller(model.instance, undefined));
      return transitions.sleepAway(model.instance, { wakeAtMs: model.now + 10, checkpoint: "s" }, model.now);
    },
  }),
  fc
    .record({ behind: fc.integer({ min: -1, max: 1 }), progress: fc.integer({ min: 0, max: 3 }) })
    .map(({ behind, progress }) => ({
      name: `claim ${behind}`,
      run: "none",
      step: (model) => {
        const order = { generation: model.instance.generation - behind, node: "n", progress };
        const decided = claim(model.instance, order, model.now);
        if (behind > 0) expect(decided.kind).toBe("drop");
        if (behind < 0) expect(decided.kind).toBe("wait");
        return "next" in decided ? decided.next : undefined;
      },
    })),
  fc
    .record({
      run: fc.constantFrom("present", "former"),
      exitCode: fc.constantFrom(0, 1, null),
      because: fc.constantFrom("timeout", "stop", "node", "sleep", undefined),
      progress: fc.integer({ min: 0, max: 3 }),
    })
    .map(({ run, exitCode, because, progress }) => ({
      name: `ended ${because}`,
      run,
      step: (model) => {
        const end = {
          exitCode,
          signal: exitCode === null ? "SIGKILL" : null,
          stderr: "",
          progress,
          ...(because && { because }),
        };
        const decided = ended(model.instance, runOf(model, run) ?? 0, end, model.now);
        if (run === "former") expect(decided.kind).toBe("replaced");
        return "next" in decided ? decided.next : undefined;
      },
    })),
];

describe("the changes of an instance", () => {
  it("keep their rules in any order", () => {
    fc.assert(
      fc.property(fc.boolean(), fc.array(fc.oneof(...steps), { maxLength: 40 }), (isManaged, list) => {
        const order = { id: "i", tenant: "acme", image: IMAGE, input: undefined, env: {}, timeoutSeconds: 1 };
        const first = isManaged
          ? transitions.start(undefined, order, 0)
          : transitions.register(undefined, { instance: "i", tenant: "acme", run: undefined }, 0);
        const model: Model = { now: 0, instance: first as Instance };
        for (const one of list) take(model, one);
      }),
      { numRuns: 2_000 },
    );
  });

  it("give up after five crashes without progress, and count anew after a checkpoint", () => {
    const order = {
      id: "i",
      tenant: "acme",
      image: IMAGE,
      input: undefined,
      env: {},
      timeoutSeconds: undefined,
    };
    let instance = transitions.start(undefined, order, 0) as Instance;
    const crash = (progress: number) => {
      const begun = claim(instance, { generation: 1, node: "n", progress }, 0);
      if (begun.kind !== "begin") throw new Error(begun.kind);
      const decided = ended(
        begun.next,
        begun.next.run,
        { exitCode: 1, signal: null, stderr: "", progress },
        0,
      );
      if (decided.kind === "replaced") throw new Error("its own run");
      instance = decided.next;
      return decided.kind;
    };
    expect([crash(0), crash(0), crash(0), crash(0)]).toEqual(["again", "again", "again", "again"]);
    expect([crash(7), crash(7), crash(7), crash(7)]).toEqual(["again", "again", "again", "again"]);
    expect(crash(7)).toBe("over");
    expect(instance).toMatchObject({ status: "failed", reason: "crashed" });
  });
});

function take(model: Model, { name, step, run }: { name: string; step: Step; run: string }): void {
  const before = model.instance;
  model.now += 1;
  let next: Instance | undefined;
  try {
    next = step(model);
  } catch (error) {
    if (!isNarunError(error)) throw error;
    return;
  }
  if (next === undefined) return;
  if (run === "former") expect.unreachable(`a former run changed the instance by ${name}`);
  expect([next.id, next.tenant]).toEqual([before.id, before.tenant]);
  expect(next.run).toBeGreaterThanOrEqual(before.run);
  expect(next.generation).toBeGreaterThanOrEqual(before.generation);
  if (isFinal(before) && name !== "resume") expect({ ...next, ...ENDS }).toEqual({ ...before, ...ENDS });
  if (isFinal(next))
    expect([next.signal, next.stop, next.wakeAtMs]).toEqual([undefined, undefined, undefined]);
  if (before.status === "completed") expect(next.status).toBe("completed");
  if (name.startsWith("ack ") && before.signal !== undefined && next.signal === undefined) {
    expect(`ack ${before.signal.type}`).toBe(name);
    expect(before.signal.isShown).toBe(true);
  }
  // A signal goes with its acknowledgement, with its effect, or with an operator's order.
  const lost = before.signal !== undefined && next.signal === undefined;
  if (lost)
    expect(/^ack|^completed|^failed|^suspend|^resume|^signal|^stop|^sleep|^ended|^claim/.test(name)).toBe(
      true,
    );
  if (lost && before.signal?.type === "cancel" && !["resume", "signal pause"].includes(name))
    expect(isFinal(next)).toBe(true);
  model.instance = next;
}

/** The facts of a process that are noted after the end of its instance. */
const ENDS = { exitCode: 0, stderr: "", ranMs: 0, runSinceMs: undefined };

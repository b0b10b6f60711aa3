/** `workflow(code)`: a function's default export that runs the code durably, and takes starts, signals and questions over HTTP. */

import type { Context } from "../context.ts";
import { RunContext, type WorkflowContext } from "./context.ts";
import { enterTurn, installDeterminism, leaveTurn } from "./deterministic.ts";
import { ContinueAsNew } from "./errors.ts";
import { type End, Executor } from "./executor.ts";
import { serveWorkflow } from "./http.ts";
import { type Journal, journalOf } from "./journal.ts";
import type { JournalMessage, WorkflowOutcome, WorkflowRecord } from "./messages.ts";
import { plainOf } from "./plain.ts";
import { createRandom } from "./random.ts";
import type { WorkflowState } from "./state.ts";

/** The code of a workflow: from its input to its result. */
export type WorkflowCode<Input, Result, E> = (
  ctx: WorkflowContext<E>,
  input: Input,
  env: E,
) => Result | Promise<Result>;

/** The module of a workflow. */
export interface WorkflowModule {
  fetch(request: Request, env: unknown, context: Context): Promise<Response>;
  /** Called by the runners of narun. */
  workflow(request: Request, env: unknown, context: Context): Promise<Response>;
}

/** Stands in each message that has a sealed value. */
const SEALED = '"~sealed"';

/** The head of a call of an executor: a line of JSON. The lines behind it are the journal. */
interface CallHead {
  id: string;
  isTakeover: boolean;
  revision?: string;
  /** The time of NATS' clock, where that of the runner's machine is another. */
  nowMs?: number;
}

export function workflow<Input = unknown, Result = unknown, E = unknown>(
  code: WorkflowCode<Input, Result, E>,
): WorkflowModule {
  if (typeof code !== "function") throw new TypeError("workflow(code): the code is a function");
  const run = code as WorkflowCode<unknown, unknown, unknown>;
  return {
    fetch: (request, env) => {
      const journal = journalOf(env);
      const query = (id: string, messages: JournalMessage[], name: string) =>
        askQuery(run, { id, messages, env, journal }, name);
      return serveWorkflow(request, journal, query);
    },
    async workflow(request, env, context) {
      const [head = "", ...lines] = (await request.text()).split("\n");
      const { id, isTakeover, revision, nowMs } = JSON.parse(head) as CallHead;
      const offsetOfRunnerMs = nowMs === undefined ? 0 : nowMs - Date.now();
      const journal = journalOf(env);
      // The host hears of it before the first effect, as calls keep their order.
      const running = journal.run(id).catch(() => undefined);
      const told = lines.filter((line) => line !== "");
      const stored = told.map((line) => JSON.parse(line) as JournalMessage);
      // A sealed workflow may have started one in clear, or have ended in it.
      const isSealed = journal.isSealed || told.some((line) => line.includes(SEALED));
      const messages = isSealed ? await journal.open(id, stored) : stored;
      // The host may be on another machine than the runner.
      const offsetMs = (await running) ?? offsetOfRunnerMs;
      const options = { id, messages, env, journal };
      let steps = 0;
      const executor = createExecutor(run, options, {
        ...{ isTakeover, revision, offsetMs, signal: context.signal },
        onRecord: ({ got = [] }) => {
          for (const [, fate] of got) if (fate === "ok" || fate === "error") steps += 1;
        },
      });
      const ended = await executor.run();
      const outcome: WorkflowOutcome = { ...ended, steps };
      if (!journal.isSealed || ended.outcome !== "ended") return Response.json(outcome);
      return Response.json({ ...outcome, record: await journal.seal(id, ended.record) });
    },
  };
}

interface RunOptions {
  id: string;
  messages: readonly JournalMessage[];
  env: unknown;
  journal: Journal;
}

interface CallOptions {
  isTakeover: boolean;
  revision?: string | undefined;
  /** NATS' clock beside the machine's. Default 0. */
  offsetMs?: number;
  signal: AbortSignal;
  onContext?(context: RunContext): void;
  /** A record was appended. */
  onRecord?(record: WorkflowRecord): void;
}

function createExecutor(
  code: WorkflowCode<unknown, unknown, unknown>,
  { id, messages, env, journal }: RunOptions,
  { isTakeover, revision, offsetMs = 0, signal, onContext, onRecord }: CallOptions,
): Executor {
  installDeterminism(journal.isAlone);
  const random = (run: number) => createRandom(`${journal.workflow}/${id}/${run}`);
  let numbers: (() => number) | undefined;
  return new Executor({
    messages,
    isTakeover,
    revision,
    signal,
    random: (run) => {
      numbers = random(run);
      return numbers;
    },
    start: (state, input) => {
      const context = new RunContext({
        ...{ id, env, state, journal, above: ancestorsOf(messages) },
        random: numbers ?? random(0),
      });
      onContext?.(context);
      const refused = refusedOf(messages);
      if (refused !== undefined) return Promise.resolve({ state: "failed", error: refused });
      return runCode(code, context, state, input);
    },
    port: {
      append: async (record, after) => {
        const seq = await journal.append(id, record, after);
        if (seq !== undefined) onRecord?.(record);
        return seq;
      },
      now: () => Date.now() + offsetMs,
      moreInputs: (seen) => journal.moreInputs(id, seen, INPUTS_WAIT_MS),
      turn: (at, begin, numbersOfTurn) =>
        new Promise((resolve) => {
          enterTurn(at, numbersOfTurn);
          begin();
          journal.drained(() => {
            leaveTurn();
            resolve();
          });
        }),
    },
  });
}

/** The error of a run whose input could not be opened. */
function refusedOf(messages: readonly JournalMessage[]): Error | undefined {
  const start = messages.find((message) => message.in?.t === "start")?.in;
  if (start?.t !== "start" || start.refused === undefined) return undefined;
  const text = `${start.refused}: the input of the workflow is not sealed for it`;
  return Object.assign(new Error(text), { code: start.refused });
}

/** The workflows above one, from the first: `workflow/id`. */
function ancestorsOf(messages: readonly JournalMessage[]): string[] {
  const start = messages.find((message) => message.in?.t === "start")?.in;
  if (start?.t !== "start" || start.parent === undefined) return [];
  const { above = [], workflow: name, id } = start.parent;
  return [...above, `${name}/${id}`];
}

/** How long a question for inputs waits at the host. */
const INPUTS_WAIT_MS = 20_000;

/** Runs the code, and the rollbacks where it failed. */
async function runCode(
  code: WorkflowCode<unknown, unknown, unknown>,
  context: RunContext,
  state: WorkflowState,
  input: unknown,
): Promise<End> {
  try {
    // The first of its microtasks runs within the turn.
    const result = await code(context, input, context.env);
    return { state: "done", value: plainOf(result, "the workflow's result") };
  } catch (error) {
    if (error instanceof ContinueAsNew) return { state: "continued", value: error.input };
    state.isRollingBack = true;
    const end: End = { state: state.isCancelled ? "cancelled" : "failed", error };
    for (const rollback of context.rollbacks.toReversed()) {
      try {
        await context.undo(rollback);
      } catch (failure) {
        return { state: "failed", error: failure };
      }
    }
    return end;
  }
}

async function askQuery(
  code: WorkflowCode<unknown, unknown, unknown>,
  options: RunOptions,
  name: string,
): Promise<unknown> {
  let context: RunContext | undefined;
  const ends = new AbortController();
  const executor = createExecutor(code, options, {
    isTakeover: false,
    signal: ends.signal,
    onContext: (made) => {
      context = made;
    },
  });
  const diverged = await executor.replay();
  if (diverged !== undefined) throw diverged;
  return context?.ask(name);
}

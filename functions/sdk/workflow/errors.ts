/** The errors that a workflow's code meets, and how errors cross the journal. */
import type { WorkflowFault } from "./messages.ts";

/** `ctx.waitFor` returns it when its time was over. */
export const timedOut: unique symbol = Symbol.for("narun.timedOut") as never;

/** Thrown by a step whose retries make no sense: it fails at once. */
export class NonRetryableError extends Error {
  override readonly name: string = "NonRetryableError";
  readonly retryable = false;
}

/** Thrown into the code of a workflow that is cancelled. Steps of `ctx.onRollback` run after it. */
export class WorkflowCancelled extends Error {
  override readonly name = "WorkflowCancelled";
  readonly code = "WORKFLOW_CANCELLED";
  constructor() {
    super("the workflow was cancelled");
  }
}

/** A step, a child or a call failed for good. The journal keeps name, message and stack of the last error. */
export class StepFailed extends Error {
  override readonly name = "StepFailed";
  /** The error's own name. */
  readonly errorName: string;
  readonly code: string | undefined;
  constructor(command: string, fault: WorkflowFault) {
    super(`${command} failed: ${fault.name}: ${fault.message}`);
    this.errorName = fault.name;
    this.code = fault.code;
  }
}

/** The journal does not fit the code. It ends the executor, and never reaches the code. */
export class Diverged extends Error {
  override readonly name = "WorkflowDiverged";
  readonly code = "WORKFLOW_DIVERGED";
}

/** A query that the code does not answer, or not yet. */
export class UnknownQuery extends Error {
  override readonly name = "UnknownQuery";
  constructor(name: string, known: readonly string[]) {
    super(`the workflow answers no query ${JSON.stringify(name)}; it answers ${known.join(", ") || "none"}`);
  }
}

/** Thrown by `ctx.continueAsNew`. */
export class ContinueAsNew {
  readonly input: unknown;
  constructor(input: unknown) {
    this.input = input;
  }
}

/** Upper bound of a stack in a journal. */
const MAX_STACK_LENGTH = 4_000;

/** An error as a journal keeps it. */
export function faultOf(error: unknown): WorkflowFault {
  if (!(error instanceof Error)) return { name: "Error", message: textOf(error) };
  const { name, message, stack } = error;
  const { code } = error as { code?: unknown };
  return {
    name: String(name),
    message: String(message),
    ...(typeof stack === "string" ? { stack: stack.slice(0, MAX_STACK_LENGTH) } : {}),
    ...(typeof code === "string" ? { code } : {}),
  };
}

/** Whether another attempt of a step may help. */
export function isRetryable(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return true;
  const { retryable, code } = error as { retryable?: unknown; code?: unknown };
  return retryable !== false && code !== "WORKFLOW_VALUE_UNSERIALIZABLE";
}

function textOf(value: unknown): string {
  try {
    return typeof value === "string" ? value : String(JSON.stringify(value) ?? value);
  } catch {
    return "a value without a text";
  }
}

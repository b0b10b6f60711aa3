import type { ErrorEntry } from "./error-entry.ts";

/** Errors of durable workflows: of their requests, and of their code. */
export const workflowErrors = {
  WORKFLOW_FAILED: {
    title: "The workflow failed",
    solve: "`narun workflow show NAME ID` has the step that failed, its attempts and its error.",
    status: 500,
  },
  WORKFLOW_CANCELLED: {
    title: "The workflow was cancelled",
    solve: "Its rollbacks have run. Start another one with a new id.",
    status: 409,
  },
  WORKFLOW_NOT_FOUND: {
    title: "There is no such workflow",
    solve: "`narun workflow ls NAME` lists them. Ended ones are kept for `workflow.retentionMs`.",
    status: 404,
  },
  WORKFLOW_ENDED: {
    title: "The workflow has ended",
    solve: "It takes no signal any more. Start another one with a new id.",
    status: 409,
  },
  WORKFLOW_ROLLED_BACK: {
    title: "The workflow failed, and its rollbacks have run",
    solve: "Its earlier steps are undone, so it cannot go on behind them. Start another one with a new id.",
    status: 409,
  },
  WORKFLOW_CYCLE: {
    title: "A child of the workflow would be one of its own ancestors, or too deep below the first one",
    solve:
      "Give the child an id of its own, and bound the depth: `ctx.continueAsNew(input)` repeats without it.",
  },
  WORKFLOW_ID_TAKEN: {
    title: "The id of the child belongs to a workflow that has another parent, or none",
    solve:
      "Leave the child's `id` out, or make it of the parent's `ctx.id`: its result goes to one parent only.",
    status: 409,
  },
  WORKFLOW_RUNS: {
    title: "The workflow has not ended",
    solve:
      "Cancel it first (`narun workflow cancel NAME ID`), or remove it with `--force`: it stops where it is.",
    status: 409,
  },
  WORKFLOW_ID_INVALID: {
    title: "The id of the workflow is not valid",
    solve: "Use 1 to 128 letters, digits, `_` and `-`.",
    status: 400,
  },
  WORKFLOW_QUERY_UNKNOWN: {
    title: "The workflow does not answer this query",
    solve: "Register it by `ctx.query(name, read)`, before the code waits for the first time.",
    status: 404,
  },
  WORKFLOW_INPUT_TOO_LARGE: {
    title: "The input of the workflow is too large",
    solve:
      "Keep large values in an object store, and hand on their names. The bound is `max_payload` of NATS.",
    status: 413,
  },
  WORKFLOW_DIVERGED: {
    title: "The journal of the workflow does not fit the code",
    solve:
      "The detail names the command of the journal and that of the code. Put new commands behind `ctx.version(name)`, push code that fits, then `narun workflow retry NAME ID`.",
    status: 409,
  },
  WORKFLOW_NOT_DETERMINISTIC: {
    title: "The code of the workflow does work outside of a step",
    solve: "Put `fetch`, timers and other work into `ctx.step`; wait by `ctx.sleep`.",
  },
  WORKFLOW_VALUE_UNSERIALIZABLE: {
    title: "A value cannot be kept in the journal of the workflow",
    solve:
      "The detail has the path to it. Return plain data: objects, arrays, texts, finite numbers, booleans, null.",
  },
  WORKFLOW_JOURNAL_FULL: {
    title: "The journal of the workflow has reached its bound",
    solve:
      "End the run by `ctx.continueAsNew(input)` now and then: the next one begins with an empty journal.",
  },
  WORKFLOW_NOT_DECLARED: {
    title: "narun.yaml does not say that the function is a workflow",
    solve: "Write `workflow: true` into its narun.yaml.",
  },
  WORKFLOW_FUNCTION_MISSING: {
    title: "The workflow waits for its function, which is no workflow any more or was removed",
    solve:
      "Push a function of this name with `workflow: true`: its workflows go on by themselves. `narun workflow rm NAME ID --force` gives one up.",
  },
  WORKFLOW_JOURNAL_REFUSED: {
    title: "The stream of the workflows refused a message",
    solve: "The detail is the server's. `nats stream info narun-workflows` shows its bounds.",
    status: 503,
  },
} as const satisfies Record<string, ErrorEntry>;

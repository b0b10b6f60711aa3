/** Checks of the arguments of workflow operations. */
import {
  formatTraceparent,
  type TraceFields,
  WORKFLOW_ID,
  type WorkflowInput,
} from "../../../../contracts/index.ts";
import { CallError } from "../../process/host-calls.ts";
import { readWhole } from "./arguments.ts";

const MAX_WAIT_MS = 300_000;

export function readPayload(value: unknown, label: string, mostBytes: number): string {
  if (typeof value !== "string") throw new CallError("TypeError", `${label} is a text`);
  const bytes = Buffer.byteLength(value);
  if (bytes <= mostBytes) return value;
  throw new CallError(
    "WorkflowInputTooLarge",
    `WORKFLOW_INPUT_TOO_LARGE: ${label} has ${bytes} bytes; a message of this NATS has ${mostBytes} at most. Keep large values in an object store, and their names in the workflow`,
  );
}

/** A whole number that may have come as a text. */
export function readNumber(value: unknown, bounds: { name: string; min: number; max: number }) {
  const isDigits = typeof value === "string" && /^\d{1,16}$/.test(value);
  return readWhole(isDigits ? Number(value) : value, bounds);
}

export function readWait(value: unknown): number {
  const waitMs = readNumber(value, { name: "waitMs", min: 0, max: Number.MAX_SAFE_INTEGER }) ?? 0;
  return Math.min(waitMs, MAX_WAIT_MS);
}

export function readId(id: unknown): string {
  if (typeof id === "string" && WORKFLOW_ID.test(id)) return id;
  throw new CallError("TypeError", `${JSON.stringify(id)} is no id of a workflow: ${WORKFLOW_ID}`);
}

export function readInput(text: string): WorkflowInput {
  const input = parsed(text) as WorkflowInput | null | undefined;
  const known = ["start", "signal", "cancel", "pause", "resume", "retry"];
  if (typeof input === "object" && input !== null && known.includes(input.t)) return input;
  throw new CallError("TypeError", "an input of a workflow without a kind");
}

/** A start as it is stored: with the place of the request that asked for it, so that all of the workflow's life is in its trace. */
export function inTrace(input: WorkflowInput, trace: TraceFields | undefined): WorkflowInput {
  if (input.t !== "start") return input;
  const { trace: _, ...start } = input;
  return trace?.context === undefined ? start : { ...start, trace: formatTraceparent(trace.context) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

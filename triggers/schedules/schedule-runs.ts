/**
 * Runs of schedules, each a call of the function.
 *
 * I1  A run that the state does not have is over, or was never: its message is dropped.
 * I2  A run has one call at a time in this process: a message that comes again meanwhile gets the same end.
 * I3  The record is stored before the state. A record that is there already is the run's end.
 * I4  A run of a paused service waits for its resume, or is recorded as skipped, as its `whenPaused` says. The wait is no attempt.
 */
import {
  decodeTriggerAnswer,
  type OpenRun,
  type RunRecord,
  type Schedule,
  type ScheduleKey,
} from "../../contracts/index.ts";
import { pauseOf } from "../../dispatch/index.ts";
import { keyOf, type PulledMessage, type ScheduleStore } from "../../nats/index.ts";
import type { TriggerParts } from "../kind.ts";
import type { BatchResult } from "../queues/queue-reader.ts";
import { decideEnd } from "./decide.ts";
import { change, repair } from "./schedule-book.ts";
import type { ScheduleMetrics } from "./schedule-metrics.ts";

/** How long a run that no instance can take is tried again, before it counts as failed. */
const PATIENCE_MS = 60_000;
/** A run that was delivered so often beyond its retries has ended each of its runners. */
const MAX_DEATHS = 10;
/** The wait before a retry: doubled each time. */
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 5 * 60_000;
/** Upper bound of a result, in JSON, and of a stack, in a record. */
const MAX_RESULT_CHARACTERS = 8 * 1024;
const MAX_STACK_CHARACTERS = 4 * 1024;
const MAX_MESSAGE_CHARACTERS = 1_000;
/** The first HTTP status of a failure. */
const FIRST_FAILURE = 400;

const DONE: BatchResult = { kind: "answered", verdicts: [{ kind: "ack" }] };

/** How a call ended. `isFinal`: no retry follows. */
type End = Pick<RunRecord, "code" | "error" | "result"> & {
  outcome: "ok" | "failed" | "lost";
  isBegun: boolean;
  isFinal: boolean;
};

const LOST: End = { outcome: "lost", isBegun: true, isFinal: true };

/** A run that is called. */
interface Attempt {
  key: ScheduleKey;
  definition: Schedule;
  open: OpenRun;
  attempts: number;
  requestId: string;
  signal: AbortSignal;
}

export class ScheduleRuns {
  readonly #parts: TriggerParts;
  readonly #store: ScheduleStore;
  readonly #metrics: ScheduleMetrics;
  /** When runs of paused services were seen last, by their names. */
  readonly #heldAtMs = new Map<string, number>();
  readonly #running = new Map<string, Promise<BatchResult>>();

  constructor(parts: TriggerParts, store: ScheduleStore, metrics: ScheduleMetrics) {
    this.#parts = parts;
    this.#store = store;
    this.#metrics = metrics;
  }

  run(message: PulledMessage, signal: AbortSignal): Promise<BatchResult> {
    const { subject } = message;
    const known = this.#running.get(subject);
    if (known !== undefined) return known;
    const running = this.#run(message, signal).finally(() => this.#running.delete(subject));
    this.#running.set(subject, running);
    return running;
  }

  async #run(message: PulledMessage, signal: AbortSignal): Promise<BatchResult> {
    const { subject, deliveries, storedAt } = message;
    const { rest: id, ...key } = keyOf(subject);
    const stored = await this.#store.read(key);
    const open = stored?.state.open.find((one) => one.id === id);
    if (stored === undefined || open === undefined) {
      this.#heldAtMs.delete(placeOf(key, id));
      // Its runner may have died after the state, and before it handed out the run behind it.
      if (stored !== undefined) await repair(this.#store, stored, await this.#store.messages());
      return DONE;
    }
    if (deliveries > 1 && (await this.#isRecorded(key, id))) return this.#forget(key, id);
    const { definition } = stored.state;
    const pause = this.#pauseOf(key.function);
    if (pause === "refuse") return this.#skip(key, open);
    if (pause === "hold") {
      this.#heldAtMs.set(placeOf(key, id), Date.now());
      return { kind: "not-begun", code: "SERVICE_PAUSED" };
    }
    const [startedMs, requestId] = [Date.now(), crypto.randomUUID()];
    const attempt = { key, definition, open, attempts: deliveries, requestId, signal };
    const end = deliveries > definition.retries + MAX_DEATHS ? LOST : await this.#call(attempt);
    const { isBegun, isFinal, ...facts } = end;
    const sinceMs = this.#heldAtMs.get(placeOf(key, id)) ?? storedAt.getTime();
    if (!isBegun && startedMs - sinceMs < PATIENCE_MS) return { kind: "not-begun", code: end.code ?? "" };
    if (!isFinal && deliveries <= definition.retries) return retryAfter(deliveries);
    await this.#store.record(key, {
      ...{ id, tickMs: open.tickMs, startedMs, endedMs: Date.now(), attempts: deliveries, requestId },
      ...{ node: this.#parts.node, ...(open.isManual ? { isManual: true } : {}), ...facts },
    });
    this.#metrics.onRun(end.outcome);
    return this.#forget(key, id);
  }

  #pauseOf(name: string): ReturnType<typeof pauseOf> {
    return pauseOf(this.#parts.specOf(name));
  }

  async #skip(key: ScheduleKey, { id, tickMs, isManual }: OpenRun): Promise<BatchResult> {
    const manual = isManual ? { isManual: true } : {};
    const reason = "the service is paused";
    await this.#store.record(key, { id, tickMs, endedMs: Date.now(), outcome: "skipped", reason, ...manual });
    return this.#forget(key, id);
  }

  async #call({ key, definition, open, attempts, requestId, signal }: Attempt): Promise<End> {
    const { cron, input, timeoutMs } = definition;
    const outcome = await this.#parts.calls.call({
      service: key.function,
      fact: {
        ...{ kind: "scheduled", cron, scheduledTime: open.tickMs, name: key.schedule, attempts },
        id: `${key.function}/${key.schedule}/${open.id}`,
        ...(input === undefined ? {} : { input }),
      },
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      // A tick runs at least once: also where the node of its instance dies.
      isRepeatable: true,
      requestId,
      signal,
    });
    if (outcome.kind === "failed")
      return { outcome: "failed", code: outcome.code, isBegun: outcome.isBegun, isFinal: false };
    return endOf(outcome.status, outcome.data);
  }

  /** The kept records suffice: older runs have long left the state. */
  async #isRecorded(key: ScheduleKey, id: string): Promise<boolean> {
    const records = await this.#store.records(key);
    return records.some((record) => record.id === id && record.startedMs !== undefined);
  }

  async #forget(key: ScheduleKey, id: string): Promise<BatchResult> {
    this.#heldAtMs.delete(placeOf(key, id));
    await change(this.#store, key, (before) => {
      const state = before && decideEnd(before, id);
      return state && { state };
    });
    return DONE;
  }
}

function placeOf({ function: name, schedule }: ScheduleKey, id: string): string {
  return `${name}/${schedule}/${id}`;
}

function retryAfter(deliveries: number): BatchResult {
  const delaySeconds = Math.min(FIRST_RETRY_MS * 2 ** (deliveries - 1), MAX_RETRY_MS) / 1_000;
  return { kind: "answered", verdicts: [{ kind: "retry", delaySeconds }] };
}

/** The answer of a handler of schedules, or of a program that took the request as it is. */
function endOf(status: number, data: Uint8Array): End {
  const isOk = status < FIRST_FAILURE;
  const answer = decodeTriggerAnswer(data);
  if (answer === undefined)
    return isOk
      ? { outcome: "ok", isBegun: true, isFinal: true }
      : { outcome: "failed", error: { message: `status ${status}` }, isBegun: true, isFinal: false };
  const { error, noRetry, result } = answer;
  if (isOk && error === undefined)
    return { outcome: "ok", isBegun: true, isFinal: true, ...boundedResult(result) };
  const { message = `status ${status}`, stack } = error ?? {};
  const bounded = stack === undefined ? {} : { stack: stack.slice(0, MAX_STACK_CHARACTERS) };
  const thrown = { message: message.slice(0, MAX_MESSAGE_CHARACTERS), ...bounded };
  return { outcome: "failed", code: "HANDLER_THREW", error: thrown, isBegun: true, isFinal: noRetry };
}

function boundedResult(result: unknown): { result?: unknown } {
  if (result === undefined || JSON.stringify(result).length > MAX_RESULT_CHARACTERS) return {};
  return { result };
}

/**
 * Runs the calls that gateways accepted, on this node: readers of the stream `narun-calls` for the functions that have any.
 *
 * I1  A reader whose function has had no call for a while is closed: at rest there is none.
 */
import { type DeadError, type FunctionSpec, messageOf, stores, subjects } from "../../contracts/index.ts";
import type { Dispatch } from "../../dispatch/index.ts";
import {
  type Calls,
  type DurableConsumer,
  ensureConsumer,
  openCalls,
  openDeadLetters,
  type PulledMessage,
} from "../../nats/index.ts";
import type { TriggerMetric, TriggerParts } from "../kind.ts";
import { QueueMetrics } from "../queues/queue-metrics.ts";
import { type BatchResult, QueueReader } from "../queues/queue-reader.ts";
import { callBack } from "./call-back.ts";
import { runCall } from "./run-call.ts";

/** How long a reader without messages stays. */
const IDLE_MS = 60_000;
const IDLE_LOOK_MS = 15_000;
/** How long the server keeps a consumer that no node reads: longer than a node takes to come back. */
const INACTIVE_MS = 24 * 3_600_000;
const ACK_WAIT_MS = 10_000;
const MAX_ATTEMPTS = 10;
const MAX_PENDING = 10_000;
const RUN_WAITS = { maxDeliver: Number.POSITIVE_INFINITY, minMs: 200, maxMs: 30_000 };
/** Two days of tries: 15 minutes apart in the end. */
const CALLBACK_WAITS = { maxDeliver: 200, minMs: 1_000, maxMs: 15 * 60_000 };
const CALLBACK_SLOTS = 4;

type Kind = "run" | "back";

interface OpenReader {
  reader: QueueReader;
  consumer: DurableConsumer;
  usedAtMs: number;
}

export class CallRunners {
  readonly #parts: TriggerParts;
  readonly #metrics = new QueueMetrics();
  readonly #readers = new Map<string, OpenReader>();
  /** Functions that have calls, and no spec: a node that starts knows no specs yet. */
  readonly #unknown = new Set<string>();
  #opening: Promise<{ calls: Calls; dispatch: Dispatch }> | undefined;
  /** Closes unused readers. */
  #closing: NodeJS.Timeout | undefined;
  #isDraining = false;

  constructor(parts: TriggerParts) {
    this.#parts = parts;
  }

  metrics(): TriggerMetric[] {
    return this.#metrics.list();
  }

  async drain({ graceMs }: { graceMs: number }): Promise<void> {
    this.#isDraining = true;
    clearInterval(this.#closing);
    await Promise.all([...this.#readers.values()].map(({ reader }) => reader.close(graceMs)));
  }

  /** The spec of a function is known. */
  onSpec(service: string): void {
    if (this.#unknown.delete(service)) this.read(service);
  }

  /** Reads the calls of all functions that have some. */
  async look(): Promise<void> {
    try {
      const { calls } = await this.#open();
      for (const service of await calls.waiting()) this.read(service);
    } catch (error) {
      this.#parts.log.warn({ error: messageOf(error) }, "could not look for calls that wait");
    }
  }

  /** Reads the calls of a function, as soon as its spec is known. */
  read(service: string): void {
    if (this.#parts.specOf(service) === undefined) {
      this.#unknown.add(service);
      return;
    }
    for (const kind of ["run", "back"] as const) void this.#read(kind, service);
  }

  #open(): Promise<{ calls: Calls; dispatch: Dispatch }> {
    const { nats, calls } = this.#parts;
    this.#opening ??= Promise.all([openCalls(nats), calls.dispatch()])
      .then(([opened, dispatch]) => ({ calls: opened, dispatch }))
      .catch((error: unknown) => {
        this.#opening = undefined;
        throw error;
      });
    return this.#opening;
  }

  async #read(kind: Kind, service: string): Promise<void> {
    const key = `${kind} ${service}`;
    const open = this.#readers.get(key);
    if (open !== undefined) {
      open.usedAtMs = performance.now();
      return;
    }
    try {
      const { calls, dispatch } = await this.#open();
      if (this.#isDraining || this.#readers.has(key)) return;
      const spec = dispatch.specOf(service);
      if (kind === "back" && !mayCallBack(spec)) return;
      const consumer = this.#consumerOf(kind, service);
      const reader = this.#createReader(kind, service, consumer, { calls, dispatch, spec });
      this.#readers.set(key, { reader, consumer, usedAtMs: performance.now() });
      this.#closing ??= setInterval(() => void this.#closeIdle(), IDLE_LOOK_MS).unref();
      reader.start();
    } catch (error) {
      this.#parts.log.warn(
        { function: service, error: messageOf(error) },
        "could not read the calls of a function",
      );
    }
  }

  #consumerOf(kind: Kind, service: string): DurableConsumer {
    const subject = kind === "run" ? subjects.call(service) : subjects.callback(service);
    return {
      ...{ stream: stores.calls.stream, name: `narun-${kind}-${service}`, owner: service, from: "first" },
      ...{ ackWaitMs: ACK_WAIT_MS, maxPending: MAX_PENDING, inactiveMs: INACTIVE_MS },
      filters: [this.#parts.nats.world.toWire(subject)],
    };
  }

  #createReader(
    kind: Kind,
    service: string,
    consumer: DurableConsumer,
    { calls, dispatch, spec }: { calls: Calls; dispatch: Dispatch; spec: FunctionSpec | undefined },
  ): QueueReader {
    const { nats, secretsKey, egressDeny, log } = this.#parts;
    const counts = this.#metrics.of(consumer, () => reader.inFlight);
    const handle = (messages: readonly PulledMessage[], signal: AbortSignal): Promise<BatchResult> => {
      const [message] = messages;
      if (message === undefined) return Promise.resolve({ kind: "answered", verdicts: [] });
      this.#use(kind, service);
      if (kind === "run")
        return runCall({ nats, calls, dispatch, maxAttempts: MAX_ATTEMPTS }, service, message, signal);
      return callBack({ nats, calls, specOf: dispatch.specOf, secretsKey, egressDeny }, service, message);
    };
    const reader: QueueReader = new QueueReader({
      ...{ nats, consumer, size: 1, waitMs: 0, handle },
      slots: kind === "run" ? slotsOf(spec) : CALLBACK_SLOTS,
      policy: kind === "run" ? RUN_WAITS : CALLBACK_WAITS,
      bury: (message, error) => this.#bury(service, message, error),
      events: {
        state: (state) => {
          counts.isReady = state.kind === "ready";
        },
        settled: (end, count) => counts.settled(end, count),
        depth: (pending) => {
          counts.depth = pending;
        },
        fault: (error, doing) =>
          log.warn({ function: service, error: messageOf(error) }, `calls: could not ${doing}`),
      },
    });
    return reader;
  }

  #use(kind: Kind, service: string): void {
    const open = this.#readers.get(`${kind} ${service}`);
    if (open !== undefined) open.usedAtMs = performance.now();
  }

  /** Closes unused readers (I1). */
  async #closeIdle(): Promise<void> {
    for (const [key, open] of this.#readers) {
      const isBusy = () => open.reader.inFlight > 0 || performance.now() - open.usedAtMs < IDLE_MS;
      if (isBusy()) continue;
      // Calls may wait for their next try.
      const state = await ensureConsumer(this.#parts.nats, open.consumer).catch(() => undefined);
      if (state?.kind !== "ready" || state.pending + state.unsettled > 0 || isBusy()) continue;
      this.#readers.delete(key);
      void open.reader.close(0);
    }
    if (this.#readers.size > 0) return;
    clearInterval(this.#closing);
    this.#closing = undefined;
  }

  /** A callback that its receiver did not take is a dead letter: it can be sent back when its receiver is there again. */
  async #bury(service: string, message: PulledMessage, error: DeadError): Promise<void> {
    const { subject, sequence, deliveries: attempts, storedAt, headers, data } = message;
    const letters = await openDeadLetters(this.#parts.nats);
    const origin = {
      function: service,
      stream: stores.calls.stream,
      sequence,
      storedAt: storedAt.toISOString(),
    };
    const wire = this.#parts.nats.world.toWire(subject);
    const letter = { ...origin, subject: wire, diedAt: new Date().toISOString(), attempts, error };
    await letters.write(letter, headers, data);
  }
}

function mayCallBack(spec: FunctionSpec | undefined): boolean {
  return typeof spec?.async === "object" && spec.async.secret !== undefined;
}

/** Calls of a function that this node runs at a time: as many as its instances have room for. */
function slotsOf(spec: FunctionSpec | undefined): number {
  return spec === undefined ? 1 : Math.min(MAX_SLOTS, spec.scale.max * spec.scale.concurrency);
}

const MAX_SLOTS = 200;

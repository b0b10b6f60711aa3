/**
 * The queues of functions on this node: a reader for each consumer that the specs name.
 *
 * I1  A consumer that no spec names any more is deleted by the nodes that read it.
 * I2  A change of a function's revision leaves its readers alone.
 */
import {
  type DeadError,
  decodeTriggerAnswer,
  type FunctionSpec,
  type Headers,
  headerNames,
  headerValue,
  messageOf,
  type TriggerMessage,
  traceNames,
} from "../../contracts/index.ts";
import {
  createGivenBack,
  type DeadLetters,
  type DurableConsumer,
  openDeadLetters,
  type PulledMessage,
  removeConsumer,
} from "../../nats/index.ts";
import type { TriggerKind, TriggerMetric, TriggerParts } from "../kind.ts";
import { consumersOf, type QueueReading } from "./consumers-of.ts";
import type { RetryPolicy } from "./decide-end.ts";
import { QueueMetrics } from "./queue-metrics.ts";
import { type BatchResult, type QueueEvents, QueueReader, type ReaderState } from "./queue-reader.ts";
import { tellAuthor } from "./tell-author.ts";

/** The streams that a kind of trigger reads for functions. */
export interface QueueSource {
  /** A line of the log begins with it. */
  what: string;
  readingsOf(name: string, spec: FunctionSpec): PolicedReading[];
  /** A message as its function gets it. */
  factOf(message: PulledMessage, reading: QueueReading): TriggerMessage;
  /** Whether a message is for this reading: another one may have been sent back to its own function. */
  takes(message: PulledMessage, reading: QueueReading): boolean;
  /** The fields of a dead letter. */
  lettersFields(message: PulledMessage, reading: QueueReading): Headers | undefined;
}

export interface PolicedReading {
  reading: QueueReading;
  policy: RetryPolicy;
}

/** The queues that `consume` names. */
const OF_CONSUME: QueueSource = {
  what: "its queues",
  readingsOf: (name, { consume = [], scale }) =>
    consume.flatMap((one) =>
      consumersOf(name, one, scale.max).map((reading) => ({
        reading,
        policy: { maxDeliver: one.maxDeliver, ...one.backoff },
      })),
    ),
  factOf: (message) => factOf(message),
  takes: (message, { consumer }) => isFor(message, consumer.owner),
  lettersFields: ({ headers }) => headers,
};

export function createQueues(parts: TriggerParts, source: QueueSource = OF_CONSUME): TriggerKind {
  return new Queues(parts, source);
}

/** Whether a message was sent back to this function out of the dead letters, or to none. */
export function isFor({ headers = NO_HEADERS }: Pick<PulledMessage, "headers">, name: string): boolean {
  return (headerValue(headers, headerNames.redriveFor) ?? name) === name;
}

const NO_HEADERS: Headers = new Map();

/** The instance ended, with all that it was doing. */
const ENDED: ReadonlySet<string> = new Set(["CONSUMER_DIED", "STREAM_BROKEN", "CPU_LIMIT", "MEMORY_LIMIT"]);

/** A reader that runs, and the settings that it was made with. */
interface OpenReader {
  reader: QueueReader;
  consumer: DurableConsumer;
  settings: string;
}

class Queues implements TriggerKind {
  readonly #parts: TriggerParts;
  readonly #source: QueueSource;
  readonly #metrics = new QueueMetrics();
  /** By function, and by stream and consumer. */
  readonly #readers = new Map<string, Map<string, OpenReader>>();
  /** Work on consumers, in order. */
  #work: Promise<unknown> = Promise.resolve();
  #letters: Promise<DeadLetters> | undefined;

  constructor(parts: TriggerParts, source: QueueSource) {
    this.#parts = parts;
    this.#source = source;
  }

  onSpec(name: string, spec: FunctionSpec | undefined): void {
    this.#work = this.#work
      .then(() => this.#apply(name, spec))
      .catch((error: unknown) => {
        this.#parts.log.error(
          { function: name, error: messageOf(error) },
          `${this.#source.what} were not changed`,
        );
      });
  }

  metrics(): TriggerMetric[] {
    return this.#metrics.list();
  }

  async drain({ graceMs }: { graceMs: number }): Promise<void> {
    const all = [...this.#readers.values()].flatMap((readers) => [...readers.values()]);
    await Promise.all(all.map(({ reader }) => reader.close(graceMs)));
  }

  async #apply(name: string, spec: FunctionSpec | undefined): Promise<void> {
    const readers = this.#readers.get(name) ?? new Map<string, OpenReader>();
    // A paused function keeps its consumers, and reads none: a delivery would count, and end among the dead letters.
    const isPaused = spec?.paused !== undefined;
    const wanted = new Map<string, PolicedReading & { settings: string }>();
    for (const policed of spec === undefined ? [] : this.#source.readingsOf(name, spec)) {
      const { stream, name: consumer } = policed.reading.consumer;
      const settings = JSON.stringify([policed, spec?.limits.timeoutMs]);
      wanted.set(`${stream} ${consumer}`, { ...policed, settings });
    }
    for (const [key, open] of readers) {
      const next = wanted.get(key);
      if (next?.settings === open.settings && !isPaused) continue;
      readers.delete(key);
      await open.reader.close(isPaused ? spec.limits.timeoutMs : 0);
      if (next === undefined) await this.#remove(name, open.consumer);
    }
    for (const [key, { reading, policy, settings }] of wanted) {
      if (readers.has(key) || isPaused) continue;
      const reader = this.#open(name, reading, policy);
      readers.set(key, { reader, consumer: reading.consumer, settings });
      reader.start();
    }
    if (readers.size > 0) this.#readers.set(name, readers);
    else this.#readers.delete(name);
  }

  async #remove(name: string, consumer: DurableConsumer): Promise<void> {
    this.#metrics.remove(consumer);
    await removeConsumer(this.#parts.nats, consumer).catch((error: unknown) => {
      this.#parts.log.warn({ function: name, error: messageOf(error) }, "its consumer was not deleted");
    });
  }

  #open(name: string, reading: QueueReading, policy: RetryPolicy): QueueReader {
    const { consumer, size, waitMs, slots } = reading;
    const source = this.#source;
    const reader: QueueReader = new QueueReader({
      nats: this.#parts.nats,
      ...{ consumer, size, waitMs, slots },
      policy,
      handle: (messages, signal) => this.#handle(name, reading, messages, signal),
      bury: (message, error) => this.#bury(name, reading, message, error),
      takes: (message) => source.takes(message, reading),
      givenBack: createGivenBack(this.#parts.nats, consumer),
      events: this.#eventsOf(name, consumer, () => reader.inFlight),
    });
    return reader;
  }

  #eventsOf(name: string, consumer: DurableConsumer, inFlight: () => number): QueueEvents {
    const { log } = this.#parts;
    const counts = this.#metrics.of(consumer, inFlight);
    const facts = { function: name, stream: consumer.stream, consumer: consumer.name };
    let last: ReaderState["kind"] = "starting";
    return {
      state: (state) => {
        const isNews = state.kind !== last;
        last = state.kind;
        counts.isReady = state.kind === "ready";
        if (state.kind === "ready" && state.isNew) log.info(facts, "a consumer was made");
        else if (state.kind === "ready" && state.changed.length > 0)
          log.info({ ...facts, changed: state.changed }, "a consumer was changed");
        else if (isNews) tellAuthor(this.#parts, facts, state);
      },
      settled: (end, count) => counts.settled(end, count),
      depth: (pending) => {
        counts.depth = pending;
      },
      fault: (error, doing) => log.warn({ ...facts, error: messageOf(error) }, `could not ${doing}`),
    };
  }

  async #handle(
    service: string,
    reading: QueueReading,
    messages: readonly PulledMessage[],
    signal: AbortSignal,
  ): Promise<BatchResult> {
    const outcome = await this.#parts.calls.call({
      service,
      fact: {
        kind: "queue",
        queue: reading.consumer.stream,
        messages: messages.map((message) => this.#source.factOf(message, reading)),
      },
      isRepeatable: false,
      fields: traceOf(messages),
      signal,
    });
    if (outcome.kind === "failed") {
      if (!outcome.isBegun) return { kind: "not-begun", code: outcome.code };
      const { code } = outcome;
      return { kind: "failed", error: { code, message: code }, hasEnded: ENDED.has(code) };
    }
    const answer = decodeTriggerAnswer(outcome.data, messages.length);
    if (answer === undefined)
      return { kind: "failed", error: { code: "BAD_REPLY", message: `status ${outcome.status}` } };
    return { kind: "answered", verdicts: answer.verdicts, error: answer.error };
  }

  async #bury(name: string, reading: QueueReading, message: PulledMessage, error: DeadError): Promise<void> {
    this.#letters ??= openDeadLetters(this.#parts.nats);
    const letters = await this.#letters.catch((fault: unknown) => {
      this.#letters = undefined;
      throw fault;
    });
    const { sequence, deliveries: attempts, storedAt, data } = message;
    const subject = this.#parts.nats.world.toWire(message.subject);
    const { stream } = reading.consumer;
    const headers = this.#source.lettersFields(message, reading);
    const origin = { function: name, stream, subject, sequence, storedAt: storedAt.toISOString() };
    await letters.write({ ...origin, diedAt: new Date().toISOString(), attempts, error }, headers, data);
  }
}

export function factOf({
  sequence,
  subject,
  storedAt,
  deliveries,
  headers = new Map(),
  data,
}: PulledMessage): TriggerMessage {
  return {
    id: String(sequence),
    subject,
    timestamp: storedAt.getTime(),
    attempts: deliveries,
    headers: Object.fromEntries(headers),
    data,
  };
}

/** A batch of one message goes on with the message's trace. */
function traceOf(messages: readonly PulledMessage[]): string[] {
  const [only] = messages;
  if (only?.headers === undefined || messages.length > 1) return [];
  const names: readonly string[] = Object.values(traceNames);
  return [...only.headers].flatMap(([name, values]) =>
    names.includes(name.toLowerCase()) ? values.flatMap((value) => [name, value]) : [],
  );
}

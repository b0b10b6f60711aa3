/**
 * Calls functions with the messages of core NATS (`subscribe` in narun.yaml).
 *
 * I1  Every node subscribes in the same queue group: a message goes to one of them, and is handled at most once. It is never sent
 *     again.
 * I2  The messages that a node has taken and not finished are bounded by number and bytes, for each function. A message beyond that
 *     is dropped: it is counted, logged, and its sender told where it waits for a reply.
 * I3  Messages that have come are finished, also after the subscription has ended.
 */
import {
  createProblem,
  type ErrorCode,
  encodePlainError,
  encodeReply,
  errorEntry,
  type FunctionSpec,
  headerValue,
  messageBytes,
  type TriggerMessage,
  traceNames,
} from "../../contracts/index.ts";
import type { Message, Subscription } from "../../nats/index.ts";
import type { TriggerOutcome } from "../call.ts";
import type { TriggerKind, TriggerMetric, TriggerParts } from "../kind.ts";

/** Upper bounds of the messages of one function that a node has taken and not finished. */
const MAX_MESSAGES = 1_000;
const MAX_BYTES = 16 * 1024 * 1024;
/** How often dropped messages of a function are a line of the log. */
const LOG_EVERY_MS = 10_000;

/** The subjects that a kind of trigger hears for functions. */
export interface SubscriptionSource {
  wantedOf(name: string, spec: FunctionSpec): WantedSubscription[];
  /** A message as its function gets it. Undefined: it is not for the function. */
  factOf(message: Message, label: string): TriggerMessage | undefined;
}

export interface WantedSubscription {
  subject: string;
  queue: string;
  /** The name of an event handler. Default: empty. */
  label?: string;
}

/** The subjects of `subscribe`. */
const OF_SUBSCRIBE: SubscriptionSource = {
  wantedOf: (name, { subscribe = [] }) => subscribe.map(({ subject, queue = name }) => ({ subject, queue })),
  factOf: ({ subject, headers, data }) => ({
    id: headerValue(headers, "Nats-Msg-Id") ?? crypto.randomUUID(),
    ...{ subject, timestamp: Date.now(), attempts: 1 },
    headers: Object.fromEntries(headers ?? []),
    data,
  }),
};

export function createSubscriptions(
  parts: TriggerParts,
  source: SubscriptionSource = OF_SUBSCRIBE,
): TriggerKind {
  return new Subscriptions(parts, source);
}

/** The subscriptions of one function, and its messages. */
class Subscriber {
  /** By queue group and subject. */
  readonly subscriptions = new Map<string, Subscription>();
  open = 0;
  bytes = 0;
  done = 0;
  failed = 0;
  dropped = 0;
  /** Dropped since the last line of the log. */
  untold = 0;
  toldAtMs = Number.NEGATIVE_INFINITY;
}

class Subscriptions implements TriggerKind {
  readonly #parts: TriggerParts;
  readonly #source: SubscriptionSource;
  readonly #byFunction = new Map<string, Subscriber>();
  #open = 0;
  #onIdle: (() => void) | undefined;

  constructor(parts: TriggerParts, source: SubscriptionSource) {
    this.#parts = parts;
    this.#source = source;
  }

  onSpec(name: string, spec: FunctionSpec | undefined): void {
    const subscriber = this.#byFunction.get(name) ?? new Subscriber();
    this.#byFunction.set(name, subscriber);
    const all = spec === undefined ? [] : this.#source.wantedOf(name, spec);
    const wanted = new Map(all.map((one) => [`${one.queue} ${one.subject}`, one]));
    for (const [key, subscription] of subscriber.subscriptions) {
      if (wanted.has(key)) continue;
      subscriber.subscriptions.delete(key);
      void subscription.drain().catch(() => undefined);
    }
    for (const [key, { subject, queue, label = "" }] of wanted) {
      if (subscriber.subscriptions.has(key)) continue;
      const take = (message: Message) => {
        const fact = this.#source.factOf(message, label);
        if (fact !== undefined) this.#take(name, subscriber, message, fact);
      };
      subscriber.subscriptions.set(key, this.#parts.nats.subscribe(subject, take, { queue }));
    }
    if (spec === undefined && subscriber.open === 0) this.#byFunction.delete(name);
  }

  async drain({ graceMs }: { graceMs: number }): Promise<void> {
    const all = [...this.#byFunction.values()].flatMap(({ subscriptions }) => [...subscriptions.values()]);
    await Promise.all(all.map((subscription) => subscription.drain().catch(() => undefined)));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    if (this.#open === 0) return;
    const timer = setTimeout(resolve, graceMs);
    await promise;
    clearTimeout(timer);
  }

  metrics(): TriggerMetric[] {
    const all = [...this.#byFunction];
    const metric = (
      name: string,
      type: TriggerMetric["type"],
      help: string,
      read: (one: Subscriber) => number,
    ): TriggerMetric => ({
      ...{ name: `narun_trigger_messages_${name}`, type, help },
      values: all.map(([of, one]) => ({ labels: { function: of }, value: read(one) })),
    });
    return [
      metric("open", "gauge", "Messages of subscriptions that are not finished", ({ open }) => open),
      metric("done_total", "counter", "Messages of subscriptions that were handled", ({ done }) => done),
      metric("failed_total", "counter", "Messages whose handler failed", ({ failed }) => failed),
      metric("dropped_total", "counter", "Messages that came beyond the bounds", ({ dropped }) => dropped),
    ];
  }

  #take(name: string, subscriber: Subscriber, message: Message, fact: TriggerMessage): void {
    const { byteLength } = message.data;
    if (subscriber.open >= MAX_MESSAGES || subscriber.bytes + byteLength > MAX_BYTES) {
      this.#drop(name, subscriber, message);
      return;
    }
    this.#open += 1;
    subscriber.open += 1;
    subscriber.bytes += byteLength;
    void this.#call(name, subscriber, message, fact).finally(() => {
      this.#open -= 1;
      subscriber.open -= 1;
      subscriber.bytes -= byteLength;
      if (this.#open === 0) this.#onIdle?.();
    });
  }

  async #call(name: string, subscriber: Subscriber, message: Message, fact: TriggerMessage): Promise<void> {
    const trace =
      headerValue(message.headers, "Traceparent") ?? headerValue(message.headers, traceNames.parent);
    const outcome = await this.#parts.calls.call({
      service: name,
      fact: {
        kind: "message",
        wantsReply: message.reply !== undefined,
        message: fact,
      },
      isRepeatable: false,
      ...(trace === undefined ? {} : { fields: ["traceparent", trace] }),
    });
    const code = outcome.kind === "failed" ? outcome.code : undefined;
    if (code === "HOLD_QUEUE_FULL") {
      this.#drop(name, subscriber, message);
      return;
    }
    if (code === undefined) subscriber.done += 1;
    else {
      subscriber.failed += 1;
      this.#parts.log.warn({ function: name, subject: message.subject, code }, "a message was not handled");
    }
    this.#reply(message, outcome);
  }

  /** A handler without a value sends no reply. */
  #reply(message: Message, outcome: TriggerOutcome): void {
    if (outcome.kind === "failed") refuse(message, outcome.code);
    if (outcome.kind !== "answered" || outcome.status === 204) return;
    const headers = encodeReply(outcome.status, outcome.fields);
    if (headers === undefined) refuse(message, "BAD_REPLY");
    else if (messageBytes(headers, outcome.data) > this.#parts.nats.maxPayload)
      refuse(message, "RESPONSE_TOO_LARGE");
    else message.respond(outcome.data, headers);
  }

  #drop(name: string, subscriber: Subscriber, message: Message): void {
    subscriber.dropped += 1;
    subscriber.untold += 1;
    refuse(message, "HOLD_QUEUE_FULL");
    const nowMs = performance.now();
    if (nowMs - subscriber.toldAtMs < LOG_EVERY_MS) return;
    const { untold: dropped, open } = subscriber;
    this.#parts.log.warn(
      { function: name, subject: message.subject, dropped, open },
      "messages were dropped: the function is slower than they come",
    );
    subscriber.untold = 0;
    subscriber.toldAtMs = nowMs;
  }
}

function refuse(message: Message, code: ErrorCode): void {
  const { headers, data } = encodePlainError(
    createProblem(code, crypto.randomUUID(), errorEntry(code).title),
  );
  message.respond(data, headers);
}

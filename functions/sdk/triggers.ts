/** The handlers of triggers, and their events. */
import type { Context } from "./context.ts";
import type { Env, Handler } from "./handler.ts";

/** A tick of a schedule. */
export interface ScheduledEvent {
  readonly type: "scheduled";
  /** The schedule, as narun.yaml has it. */
  readonly cron: string;
  /** The time of the tick, in epoch milliseconds. The handler may run later. */
  readonly scheduledTime: number;
  /** The schedule's name: of narun.yaml, or its place in the list, from 1. */
  readonly name: string;
  /**
   * The tick's id: the same each time that this tick runs, and another one for each other tick. A run is repeated where its node
   * died before its result was stored.
   */
  readonly id: string;
  /** The number of this attempt, from 1. */
  readonly attempts: number;
  /** `input` of narun.yaml. */
  readonly input: unknown;
  /** A failure of this run is final. */
  noRetry(): void;
}

/** A message of NATS. */
export interface Message<Body = unknown> {
  /** Unique among the messages of its stream or subscription. */
  readonly id: string;
  readonly subject: string;
  /** When it was stored; for a subscription, when it came. */
  readonly timestamp: Date;
  /** The number of this delivery, from 1. */
  readonly attempts: number;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /**
   * By the message's `Content-Type`: the value of its JSON, a text, or bytes. Without one: the value where the data is JSON, else
   * the text where it is UTF-8, else the bytes.
   */
  readonly body: Body;
  text(): string;
  /** Throws a SyntaxError where the data is no JSON. */
  json<Value = Body>(): Value;
  bytes(): Uint8Array<ArrayBuffer>;
  /** The message is done. The first verdict of a message counts. No effect in `message`. */
  ack(): void;
  /** The message is delivered again: after the delay, else by the back-off of narun.yaml. No effect in `message`. */
  retry(options?: { delaySeconds?: number }): void;
}

/** Messages of a stream. Messages without a verdict are taken where the handler returns, and not where it throws. */
export interface MessageBatch<Body = unknown> {
  /** The stream. */
  readonly queue: string;
  readonly messages: readonly Message<Body>[];
  /** The verdict on the messages that have none of their own. */
  ackAll(): void;
  retryAll(options?: { delaySeconds?: number }): void;
}

/** Called by the clock (`schedule` in narun.yaml). Its value is kept as the run's result, where it has a form in JSON. */
export type ScheduledHandler<E = Env> = (event: ScheduledEvent, env: E, context: Context) => unknown;

/** Takes messages of a stream (`consume` in narun.yaml). */
export type QueueHandler<Body = unknown, E = Env> = (
  batch: MessageBatch<Body>,
  env: E,
  context: Context,
) => unknown;

/**
 * Takes a message of a subject (`subscribe` in narun.yaml). Its value is the reply, where the sender waits for one: a response, a
 * text, bytes, or a value in JSON. Without a value no reply is sent.
 */
export type MessageHandler<Body = unknown, E = Env> = (
  message: Message<Body>,
  env: E,
  context: Context,
) => unknown;

/** A default export with any of the handlers. */
export interface TriggeredWorker<E = Env, Body = unknown> {
  fetch?: Handler<E>;
  scheduled?: ScheduledHandler<E>;
  queue?: QueueHandler<Body, E>;
  message?: MessageHandler<Body, E>;
}

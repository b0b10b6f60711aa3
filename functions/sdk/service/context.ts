/** `ctx` of the handlers of a service. */
import type { Context } from "../context.ts";
import { ActionError } from "./action-error.ts";
import { eventPortOf, type PublishOptions } from "./event-port.ts";
import type { OutputOf } from "./standard-schema.ts";

/** The declared errors of a service, by name. */
export type ErrorTypes = Readonly<Record<string, { status: number; data?: unknown }>>;

type DataOf<Errors extends ErrorTypes, Name extends keyof Errors> = Errors[Name] extends { data: infer S }
  ? [data: OutputOf<S>]
  : [];

/** `ctx` of an action, and of an event. */
export interface ServiceContext<Errors extends ErrorTypes = ErrorTypes, E = unknown> extends Context {
  readonly env: E;
  /** The subject of the request or event. */
  readonly subject: string;
  /** The parameters of the subject or path: `{id}`. */
  readonly params: Readonly<Record<string, string>>;
  /** The parts that `*` and `>` stand for, in order. */
  readonly wildcards: readonly string[];
  /** The header fields of the request. An event has none. */
  readonly headers: Headers;
  /** An error that the service declares: throw it. */
  error<Name extends keyof Errors & string>(name: Name, ...data: DataOf<Errors, Name>): ActionError<Name>;
  /** Publishes an event below the service's own name, or of its `events` bindings. Resolves when it is stored. */
  publish(subject: string, value?: unknown, options?: PublishOptions): Promise<void>;
  /** The value of the next event on a subject. Rejects when the time is over: `timeout` in milliseconds, by default 5 s. */
  once<Value = unknown>(subject: string, options?: { timeout?: number }): Promise<Value>;
}

interface Facts {
  env: unknown;
  subject: string;
  params: Readonly<Record<string, string>>;
  wildcards: readonly string[];
  headers: Headers;
}

const ONCE_MS = 5_000;

/** The context of one call. The platform's own is asked at each access: its signal and its trailers are made then. */
export class CallContext implements ServiceContext {
  readonly env: unknown;
  readonly subject: string;
  readonly params: Readonly<Record<string, string>>;
  readonly wildcards: readonly string[];
  readonly headers: Headers;
  readonly #context: Context;

  constructor(context: Context, { env, subject, params, wildcards, headers }: Facts) {
    this.#context = context;
    this.env = env;
    this.subject = subject;
    this.params = params;
    this.wildcards = wildcards;
    this.headers = headers;
  }

  get requestId(): string {
    return this.#context.requestId;
  }

  get deadline(): number {
    return this.#context.deadline;
  }

  get signal(): AbortSignal {
    return this.#context.signal;
  }

  get trailers(): Headers {
    return this.#context.trailers;
  }

  waitUntil(work: Promise<unknown>): void {
    this.#context.waitUntil(work);
  }

  error<Name extends string>(name: Name, ...[data]: unknown[]): ActionError<Name> {
    return new ActionError(name, data);
  }

  async publish(subject: string, value?: unknown, options: PublishOptions = {}): Promise<void> {
    const json = JSON.stringify(value) as string | undefined;
    if (json === undefined && value !== undefined)
      throw new TypeError(`publish("${subject}"): the value has no form in JSON`);
    await eventPortOf(this.env).publish(subject, json, options);
  }

  async once<Value>(subject: string, { timeout = ONCE_MS }: { timeout?: number } = {}): Promise<Value> {
    return JSON.parse((await eventPortOf(this.env).once(subject, timeout)).json) as Value;
  }
}

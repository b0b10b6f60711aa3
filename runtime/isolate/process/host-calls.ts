/**
 * The calls of an isolate to its host: operations that take time, by name, with data.
 *
 * I1  Every call is answered once. A cancelled call is not answered, and its signal is aborted.
 * I2  A call is user input throughout: each operation checks all of its arguments itself.
 * I3  At most `MAX_OPEN_CALLS` are open at a time.
 */
import { isNarunError, type TraceFields } from "../../../contracts/index.ts";
import { type Data, EnterOp } from "../../../web/index.ts";
import type { CallTrace, RequestTraces } from "../../instance/request-traces.ts";
import { endCall, isTracedCall } from "./call-spans.ts";
import type { IsolateStreams } from "./isolate-streams.ts";

/** The second argument of an operation. */
export interface CallContext {
  /** The request that the call is made for; 0: none. */
  readonly owner: number;
  /** That request while it is open: its id for the client, and the end of its time by `performance.now()`. */
  readonly request: { id: string; endsAtMs: number } | undefined;
  /** The fields of the trace that the call belongs to, which it hands on. */
  readonly trace?: TraceFields | undefined;
  /** Aborts when the isolate cancels the call, or ends. */
  readonly signal: AbortSignal;
  /** Called when `signal` aborts. A call with this listener alone makes no signal. */
  onAbort?: (() => void) | undefined;
  readonly streams: IsolateStreams;
}

export type HostOperation = (values: readonly unknown[], context: CallContext) => Promise<Data> | Data;

/** Operations by `<service>.<operation>`. */
export type HostOperations = Readonly<Record<string, HostOperation>>;

/** An operation's failure that the isolate gets to see. The message of any other error stays with the host. */
export class CallError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

export interface HostCalls {
  /** All arguments are user input. */
  call(id: unknown, name: unknown, values: unknown, owner: unknown): void;
  cancel(id: unknown): void;
  /** Cancels all calls: the isolate has ended. */
  close(): void;
}

export interface HostCallsOptions {
  operations: HostOperations;
  streams: IsolateStreams;
  /** The open request of an id. Default: none. */
  requestOf?: ((owner: number) => CallContext["request"]) | undefined;
  /** The traces of requests. Default: calls belong to none. */
  traces?: RequestTraces | undefined;
  enter(owner: number, op: number, id: number, errorName: string | undefined, value: Data): void;
  /** An operation failed with an error that the isolate does not get to see. */
  onError(name: string, error: unknown): void;
}

const MAX_OPEN_CALLS = 1_000;

/** The context of a call. Its signal is made at the first use: most operations end without one. */
class OpenCall implements CallContext {
  readonly owner: number;
  readonly streams: IsolateStreams;
  readonly #requestOf: HostCallsOptions["requestOf"];
  readonly #traces: RequestTraces | undefined;
  /** Set where a span is made of the call. */
  span: CallTrace | undefined;
  onAbort: (() => void) | undefined;
  #controller: AbortController | undefined;
  #isAborted = false;

  constructor(owner: number, { streams, requestOf, traces }: HostCallsOptions) {
    this.owner = owner;
    this.streams = streams;
    this.#requestOf = requestOf;
    this.#traces = traces;
  }

  get trace(): TraceFields | undefined {
    return this.span?.fields ?? this.#traces?.of(this.owner);
  }

  get request(): CallContext["request"] {
    return this.#requestOf?.(this.owner);
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#isAborted) this.#controller.abort();
    return this.#controller.signal;
  }

  abort(): void {
    this.#isAborted = true;
    this.#controller?.abort();
    this.onAbort?.();
  }
}

const UNTOLD = { name: "OperationError", message: "the host could not do it" };

/** The error that the code gets. Undefined: the host's own words are not for it. */
function toldOf(error: unknown): { name: string; message: string } | undefined {
  if (error instanceof CallError) return error;
  return isNarunError(error, "NATS_NO_MAJORITY") ? { name: error.code, message: error.message } : undefined;
}

export function createHostCalls(options: HostCallsOptions): HostCalls {
  const { operations, traces, enter, onError } = options;
  const open = new Map<number, OpenCall>();

  const run = (name: string, values: readonly unknown[], context: CallContext): Promise<Data> => {
    const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
    try {
      if (operation === undefined) throw new CallError("NotSupportedError", `there is no ${name} here`);
      return Promise.resolve(operation(values, context));
    } catch (error) {
      return Promise.reject(error);
    }
  };

  return {
    call(id, name, values, owner) {
      if (typeof id !== "number" || open.has(id)) return;
      const ownerId = Number(owner) || 0;
      if (open.size >= MAX_OPEN_CALLS) {
        const message = `more than ${MAX_OPEN_CALLS} calls to the host are open`;
        return enter(ownerId, EnterOp.result, id, "QuotaExceededError", message);
      }
      const context = new OpenCall(ownerId, options);
      open.set(id, context);
      const list = Array.isArray(values) ? values : [];
      if (traces !== undefined && isTracedCall(name)) context.span = traces.call(ownerId);
      const running = run(String(name), list, context);
      if (context.span !== undefined) endCall(context.span, String(name), list, running);
      running.then(
        (value) => {
          if (open.delete(id)) enter(ownerId, EnterOp.result, id, undefined, value);
        },
        (error: unknown) => {
          if (!open.delete(id)) return;
          const told = toldOf(error);
          if (told === undefined) onError(String(name), error);
          const { name: kind, message } = told ?? UNTOLD;
          enter(ownerId, EnterOp.result, id, kind, message);
        },
      );
    },
    cancel(id) {
      const call = open.get(Number(id));
      open.delete(Number(id));
      call?.abort();
    },
    close() {
      const calls = [...open.values()];
      open.clear();
      for (const call of calls) call.abort();
    },
  };
}

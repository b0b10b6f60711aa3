/**
 * What an isolate may ask its host to do that takes time: by name, with data, answered once.
 *
 * I1  Every call is answered once; one that was cancelled is not, and its signal is aborted.
 * I2  A call is user input throughout: each operation checks all of its arguments itself.
 * I3  At most `MAX_OPEN_CALLS` are open at a time.
 */
import { type Data, EnterOp } from "../../../web/index.ts";
import type { IsolateStreams } from "./isolate-streams.ts";

/** What an operation has besides its arguments. */
export interface CallContext {
  /** The request on whose behalf it is called; 0: nobody's. */
  owner: number;
  /** That request, while it is open, and when its answer is waited for no more, by `performance.now()`. */
  readonly request: { id: string; endsAtMs: number } | undefined;
  /** Aborted when the isolate cancels the call, or ends. */
  signal: AbortSignal;
  streams: IsolateStreams;
}

export type HostOperation = (values: readonly unknown[], context: CallContext) => Promise<Data> | Data;

/** Operations by `<service>.<operation>`. */
export type HostOperations = Readonly<Record<string, HostOperation>>;

/** An operation's failure as the isolate may know it; of any other error it only hears that there was one. */
export class CallError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

export interface HostCalls {
  /** All of it is user input. */
  call(id: unknown, name: unknown, values: unknown, owner: unknown): void;
  cancel(id: unknown): void;
  /** The isolate is gone. */
  close(): void;
}

export interface HostCallsOptions {
  operations: HostOperations;
  streams: IsolateStreams;
  /** The open request of an id; default: none is known. */
  requestOf?: ((owner: number) => CallContext["request"]) | undefined;
  enter(owner: number, op: number, id: number, errorName: string | undefined, value: Data): void;
  /** An operation failed in a way that it does not tell the isolate. */
  onError(name: string, error: unknown): void;
}

const MAX_OPEN_CALLS = 1_000;

export function createHostCalls({
  operations,
  streams,
  requestOf,
  enter,
  onError,
}: HostCallsOptions): HostCalls {
  const open = new Map<number, AbortController>();

  const run = async (name: string, values: readonly unknown[], context: CallContext) => {
    const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
    if (operation === undefined) throw new CallError("NotSupportedError", `there is no ${name} here`);
    return operation(values, context);
  };

  return {
    call(id, name, values, owner) {
      if (typeof id !== "number" || open.has(id)) return;
      const ownerId = Number(owner) || 0;
      if (open.size >= MAX_OPEN_CALLS) {
        const message = `more than ${MAX_OPEN_CALLS} calls to the host are open`;
        return enter(ownerId, EnterOp.result, id, "QuotaExceededError", message);
      }
      const controller = new AbortController();
      open.set(id, controller);
      const context: CallContext = {
        owner: ownerId,
        get request() {
          return requestOf?.(ownerId);
        },
        signal: controller.signal,
        streams,
      };
      run(String(name), Array.isArray(values) ? values : [], context).then(
        (value) => {
          if (open.delete(id)) enter(ownerId, EnterOp.result, id, undefined, value);
        },
        (error: unknown) => {
          if (!open.delete(id)) return;
          const isTold = error instanceof CallError;
          if (!isTold) onError(String(name), error);
          const message = isTold ? error.message : "the host could not do it";
          enter(ownerId, EnterOp.result, id, isTold ? error.name : "OperationError", message);
        },
      );
    },
    cancel(id) {
      const controller = open.get(Number(id));
      open.delete(Number(id));
      controller?.abort();
    },
    close() {
      const controllers = [...open.values()];
      open.clear();
      for (const controller of controllers) controller.abort();
    },
  };
}

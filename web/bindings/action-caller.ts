/**
 * Calls of actions by their names: `env.ORDERS.pay({ id })`. Each is a request of `fetch` beside it. The files of authors cannot be
 * imported here: `ActionError` is known by its shape there (functions/sdk/service/action-error.ts).
 */
import { type Answer, type Init, pathOfAction, type SendInput, ServiceError } from "./call-answer.ts";
import { refuseFetch } from "./sealed-call.ts";

/** The side of a service that calls use. */
interface Fetches {
  fetch(path: string, init: Init): Promise<Answer>;
}

export interface CallOptions {
  /** Ends the call. */
  signal?: AbortSignal;
  /** How long it may take, in milliseconds. Default: as long as the caller's own request. */
  timeout?: number;
  /** After how many milliseconds without an answer it is sent once more. The service refuses it for actions that may not be repeated. */
  hedge?: number;
}

/** Marks a call that may be sent twice. */
const HEDGED = "?hedged";

/** An error that the service declares, and has thrown. */
class ActionError extends Error {
  readonly data: unknown;

  static {
    // The names of classes are shortened in the snapshot, and authors' code looks for this one.
    Object.defineProperty(ActionError, "name", { value: "ActionError" });
  }

  constructor(name: string, data: unknown, message: string | undefined) {
    super(message ?? name);
    this.name = name;
    this.data = data;
  }
}

/** The service, with a method for each name that it has not itself. `sealed`: the way of its calls, where they are sealed. */
export function withActions<S extends object>(service: S, sealed?: SendInput): S {
  const made = new Map<string, (input?: unknown, options?: CallOptions) => Promise<unknown>>();
  const send = sealed ?? inClear(service as unknown as Fetches);
  return new Proxy(service, {
    get(target, key) {
      // A promise that is resolved with the object, and JSON.stringify, look these up.
      if (typeof key !== "string" || key in target || key === "then" || key === "toJSON")
        return key === "fetch" && sealed !== undefined ? refuseFetch : Reflect.get(target, key);
      const known = made.get(key);
      if (known !== undefined) return known;
      const call = (input?: unknown, options?: CallOptions) => callAction(send, key, input, options);
      made.set(key, call);
      return call;
    },
  });
}

function inClear(service: Fetches): SendInput {
  return (action, { query, json, signal }) =>
    service.fetch(`${pathOfAction(action)}${query}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      ...(json === undefined ? {} : { body: json }),
      signal: signal ?? AbortSignal.any([]),
    });
}

async function callAction(
  sendInput: SendInput,
  action: string,
  input: unknown,
  { signal, timeout, hedge }: CallOptions = {},
): Promise<unknown> {
  const given = [
    ...(signal === undefined ? [] : [signal]),
    ...(timeout === undefined ? [] : [AbortSignal.timeout(timeout)]),
  ];
  const json = JSON.stringify(input);
  const send = (query: string, ...more: AbortSignal[]) =>
    sendInput(action, { query, json, signal: anyOf([...given, ...more]) });
  return readAnswer(
    hedge === undefined ? await send("") : await hedged((signal) => send(HEDGED, signal), hedge),
  );
}

function anyOf(signals: readonly AbortSignal[]): AbortSignal | undefined {
  return signals.length === 0 ? undefined : AbortSignal.any([...signals]);
}

/** Sends a second time after a while, and takes the first good answer. The other sending is called off. */
function hedged(send: (signal: AbortSignal) => Promise<Answer>, afterMs: number): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const sent: AbortController[] = [];
  let open = 0;
  const begin = () => {
    const own = new AbortController();
    sent.push(own);
    open += 1;
    const settle = (end: () => void, isGood: boolean) => {
      open -= 1;
      if (!isGood && open > 0) return;
      clearTimeout(timer);
      end();
      for (const other of sent) if (other !== own) other.abort();
    };
    send(own.signal).then(
      (answer) => settle(() => resolve(answer), answer.status < 500),
      (error: unknown) => settle(() => reject(error), false),
    );
  };
  const timer = setTimeout(begin, afterMs);
  begin();
  return promise;
}

async function readAnswer(answer: Answer): Promise<unknown> {
  const text = await answer.text();
  const isJson = /^application\/(?:[\w.+-]+\+)?json\b/i.test(answer.headers.get("content-type") ?? "");
  const value: unknown = isJson && text !== "" ? JSON.parse(text) : text === "" ? undefined : text;
  if (answer.ok) return value;
  const { code, title, detail, error, issues, requestId } = (isJson && value ? value : {}) as Problem;
  if (code === "ACTION_ERROR" && typeof error?.name === "string")
    throw new ActionError(error.name, error.data, detail);
  const facts = { code: code ?? `HTTP_${answer.status}`, status: answer.status, requestId, issues };
  throw new ServiceError(detail ?? title ?? `the service answered ${answer.status}`, facts);
}

interface Problem {
  code?: string;
  title?: string;
  detail?: string;
  requestId?: string;
  error?: { name?: unknown; data?: unknown };
  issues?: { path: string; message: string }[];
}

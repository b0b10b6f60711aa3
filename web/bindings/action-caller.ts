/**
 * Calls of actions by their names: `env.ORDERS.pay({ id })`. Each is a request of `fetch` beside it. The files of authors cannot be
 * imported here: `ActionError` is known by its shape there (functions/sdk/service/action-error.ts).
 */
import { type Answer, type Init, ServiceError } from "./call-answer.ts";
import { type CallSealing, openAnswer, refuseFetch, SEALED_TYPE, sealCall } from "./sealed-call.ts";

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

/** The beginning of the path of a call by name (contracts/service-description.ts, D3). */
const BY_NAME = "/.narun/action/";
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

/** The service, with a method for each name that it has not itself. `sealing`: inputs and answers are sealed on their way. */
export function withActions<S extends object>(service: S, sealing?: CallSealing): S {
  const made = new Map<string, (input?: unknown, options?: CallOptions) => Promise<unknown>>();
  return new Proxy(service, {
    get(target, key) {
      // A promise that is resolved with the object, and JSON.stringify, look these up.
      if (typeof key !== "string" || key in target || key === "then" || key === "toJSON")
        return key === "fetch" && sealing !== undefined ? refuseFetch : Reflect.get(target, key);
      const known = made.get(key);
      if (known !== undefined) return known;
      const call = (input?: unknown, options?: CallOptions) =>
        callAction(target as unknown as Fetches, key, { input, sealing }, options);
      made.set(key, call);
      return call;
    },
  });
}

async function callAction(
  service: Fetches,
  action: string,
  { input, sealing }: { input: unknown; sealing: CallSealing | undefined },
  { signal, timeout, hedge }: CallOptions = {},
): Promise<unknown> {
  const given = [
    ...(signal === undefined ? [] : [signal]),
    ...(timeout === undefined ? [] : [AbortSignal.timeout(timeout)]),
  ];
  const sealed = sealing && (await sealCall(sealing, action, input));
  const body = sealed === undefined ? JSON.stringify(input) : sealed.text;
  const send = (query: string, signal: AbortSignal) =>
    service.fetch(`${BY_NAME}${encodeURIComponent(action)}${query}`, {
      method: "POST",
      headers: { "content-type": sealed === undefined ? "application/json" : SEALED_TYPE },
      ...(body === undefined ? {} : { body }),
      signal,
    });
  const answer =
    hedge === undefined
      ? await send("", AbortSignal.any(given))
      : await hedged((signal) => send(HEDGED, AbortSignal.any([...given, signal])), hedge);
  return readAnswer(sealed === undefined ? answer : await openAnswer(sealed, answer));
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

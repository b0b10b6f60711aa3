/**
 * The caller's side of a sealed call (docs/encryption.md). functions/sdk/service/sealed-call.ts is the other side. The host runs it
 * for calls of its isolates (runtime/isolate/operations/bindings/sealed-service.ts), and `connect` in its own process.
 *
 * I1  An input leaves sealed, or not at all.
 * I2  An answer counts where it was sealed for this very request and status. In clear the platform's own errors alone count, as they
 *     have no payload.
 */
import { type Answer, type Init, pathOfAction, type SendInput, ServiceError } from "./call-answer.ts";
import type { SealPort } from "./seal-port.ts";

/** How the calls of a binding, or of a connection, are sealed. */
export interface CallSealing {
  service: string;
  label: string;
  port: SealPort;
}

/** In the place of `fetch`, whose requests go in clear. */
export async function refuseFetch(): Promise<never> {
  const text = "`fetch` of a binding with `seal` would go in clear: call an action by its name";
  throw Object.assign(new Error(text), { name: "NotSupportedError" });
}

/** A request, and the facts by which its answer is known. */
interface SealedCall {
  sealing: CallSealing;
  action: string;
  id: string;
  text: string;
}

/** The type of a sealed body (RFC 7516, section 6). */
export const SEALED_TYPE = "application/jose";

/** The way of the calls of `connect` with `seal`. Each sending has an id of its own: a service refuses the second of an id. */
export function sealedBy(
  sealing: CallSealing,
  fetch: (path: string, init: Init) => Promise<Answer>,
): SendInput {
  return async (action, { query, json, signal }) => {
    const call = await sealCall(sealing, action, json);
    const headers = { "content-type": SEALED_TYPE };
    const path = `${pathOfAction(action)}${query}`;
    const init = { method: "POST", headers, body: call.text, signal: signal ?? AbortSignal.any([]) } as const;
    return openAnswer(call, await fetch(path, init));
  };
}

// Workflows replace it.
const { now } = Date;

/** `json`: the input. */
export async function sealCall(
  sealing: CallSealing,
  action: string,
  json: string | undefined,
): Promise<SealedCall> {
  const { service, label, port } = sealing;
  const id = crypto.randomUUID();
  const input = json === undefined ? "" : `,"input":${json}`;
  const text = `{"id":"${id}","at":${now()}${input}}`;
  const sealed = await named(port.seal(label, ["call", service, action, "request"], text));
  return { sealing, action, id, text: sealed };
}

export async function openAnswer({ sealing, action, id }: SealedCall, answer: Answer): Promise<Answer> {
  const { service, label, port } = sealing;
  const { status, ok } = answer;
  const text = await answer.text();
  if (answer.headers.get("content-type") !== SEALED_TYPE) {
    if (!ok && !PAYLOADS.has(codeOf(text))) return { ...read(answer), text: async () => text };
    throw fault("SEAL_MISSING", `SEAL_MISSING: the answer of ${service}.${action} is not sealed`, status);
  }
  const place = ["call", service, action, "response", id, String(status)];
  const { type, body } = JSON.parse(await named(port.open(label, place, text))) as Content;
  return { status, ok, headers: { get: () => type }, text: async () => body };
}

interface Content {
  type: string | null;
  body: string;
}

/** The errors whose answers have values of the caller or of the service. */
const PAYLOADS = new Set<unknown>(["ACTION_ERROR", "INVALID_INPUT"]);

function codeOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { code?: unknown } | null)?.code;
  } catch {
    return undefined;
  }
}

function read({ status, ok, headers }: Answer): Omit<Answer, "text"> {
  return { status, ok, headers };
}

/** A code of sealing is the code of the call. */
async function named<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { code, name, message } = error as { code?: unknown; name?: unknown; message?: unknown };
    throw fault(String(code ?? name), String(message), 0);
  }
}

function fault(code: string, message: string, status: number): ServiceError {
  return new ServiceError(message, { code, status, requestId: undefined, issues: undefined });
}

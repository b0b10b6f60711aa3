/**
 * The service's side of a sealed call (docs/encryption.md). web/bindings/sealed-call.ts is the caller's.
 *
 * I1  The handler of an action with `encrypt` gets inputs that were sealed for this action. Any other request is refused, unread.
 * I2  Each answer with values is sealed for its own request and status.
 * I3  An input is taken once by an instance. Actions that may be called twice take copies: narun itself sends such calls again.
 */
import { sealCodeOf, sealPortOf } from "../seal/seal-port.ts";
import type { Action } from "./action.ts";
import { problem, sealProblem } from "./problem.ts";
import { createSeenInputs, type SeenInputs } from "./seen-inputs.ts";

/** The type of a sealed body. */
const SEALED_TYPE = "application/jose";
/** How old a sealed input may be, by the clocks of the caller and of this node. A copy that is sent later is refused. */
const MAX_AGE_MS = 5 * 60_000;

/** By action: a text opens at its own action alone. */
const seenBy = new WeakMap<Action, SeenInputs>();

function isCopy(action: Action, sealed: string, at: number, now: number): boolean {
  if (action.isIdempotent || action.isReadOnly) return false;
  const seen = seenBy.get(action) ?? createSeenInputs();
  seenBy.set(action, seen);
  return !seen.take(sealed, at + MAX_AGE_MS, now);
}

export interface OpenedCall {
  input: unknown;
  /** Seals an answer: its status stays, and of its fields the type. */
  seal(answer: Response): Promise<Response>;
}

interface Incoming {
  request: Request;
  env: unknown;
  service: string;
  requestId: string;
}

/** Undefined: the call is in clear, and may be. A response: its refusal. */
export async function openCall(
  action: Action,
  incoming: Incoming,
): Promise<OpenedCall | Response | undefined> {
  const { request, requestId, service } = incoming;
  const isSealed = request.headers.get("content-type") === SEALED_TYPE;
  if (action.encrypt === undefined && !isSealed) return undefined;
  const name = `${service}.${action.name}`;
  try {
    return await open(action, incoming, await request.text());
  } catch (error) {
    const code = sealCodeOf(error);
    if (code === undefined) throw error;
    if (code !== "SEAL_MISSING") return sealProblem(code, { requestId, detail: messageOf(error) });
    const wanted = action.encrypt === undefined ? "" : ` for ${action.encrypt}`;
    return problem("SEAL_MISSING", {
      requestId,
      detail: `${name} takes an input that is sealed${wanted}: call it by a binding with \`seal\`, or by \`connect\` with keys`,
    });
  }
}

async function open(action: Action, { env, service, requestId }: Incoming, text: string) {
  const port = sealPortOf(env);
  const label = action.encrypt;
  const sealed = text.trim();
  const opened = await port.open(label, ["call", service, action.name, "request"], sealed);
  const { id, at, input } = JSON.parse(opened) as { id?: unknown; at?: unknown; input?: unknown };
  const now = Date.now();
  const ageMs = now - Number(at);
  if (typeof id !== "string" || !(Math.abs(ageMs) <= MAX_AGE_MS)) {
    const seconds = Math.round(Math.abs(ageMs) / 1_000);
    const when = Number.isNaN(seconds) ? "at no time" : `${seconds} s ${ageMs < 0 ? "ahead" : "ago"}`;
    const detail = `it was sealed ${when}, by the caller's clock; ${MAX_AGE_MS / 1_000} s are allowed`;
    return problem("SEAL_STALE", { requestId, detail });
  }
  if (isCopy(action, sealed, Number(at), now)) {
    const detail = `an instance takes an input of ${service}.${action.name} once`;
    return problem("SEAL_REPLAYED", { requestId, detail });
  }
  const used = label ?? labelOf(sealed);
  return {
    input,
    async seal(answer: Response): Promise<Response> {
      // Any server could give an answer without a body.
      const status = answer.status === 204 ? 200 : answer.status;
      const content = { type: answer.headers.get("content-type"), body: await answer.text() };
      try {
        const place = ["call", service, action.name, "response", id, String(status)];
        const sealed = await port.seal(used, place, JSON.stringify(content));
        return new Response(sealed, { status, headers: { "content-type": SEALED_TYPE } });
      } catch (error) {
        return sealProblem(sealCodeOf(error) ?? "SEAL_BROKEN", { requestId, detail: messageOf(error) });
      }
    },
  };
}

/** The label of an opened text, by the id of its key. */
function labelOf(text: string): string {
  const header = text.split(".", 1)[0] ?? "";
  const { kid } = JSON.parse(atob(header.replaceAll("-", "+").replaceAll("_", "/"))) as { kid: string };
  return kid.slice(0, kid.lastIndexOf("."));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

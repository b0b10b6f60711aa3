/**
 * A call of an action: its input is checked, its handler called, its output checked.
 *
 * I1  The handler gets a value that fits the schema, and nothing else reaches it.
 * I2  An answer that does not fit leaves no trace of its value, neither at the caller nor in the log.
 * I3  An error that the action does not declare fails as one of a plain function: with its stack in the log.
 */
import type { Context } from "../context.ts";
import type { Action } from "./action.ts";
import { isActionError } from "./action-error.ts";
import { CallContext } from "./context.ts";
import { problem } from "./problem.ts";
import { readInput } from "./read-input.ts";
import type { Found } from "./router.ts";
import { openCall } from "./sealed-call.ts";
import { type Checked, check, type FieldIssue } from "./standard-schema.ts";

export interface Incoming {
  request: Request;
  env: unknown;
  context: Context;
  service: string;
}

/** The end of the URL of a call that may be sent twice (web/bindings/action-caller.ts). */
const HEDGED = "?hedged";

export async function callAction(found: Found, incoming: Incoming): Promise<Response> {
  const { request, env, context, service } = incoming;
  const { requestId } = context;
  const opened = await openCall(found.action, { request, env, service, requestId });
  if (opened instanceof Response) return opened;
  if (opened === undefined) return answer(found, incoming, () => readInput(found, request));
  return opened.seal(await answer(found, incoming, async () => ({ ok: true, value: opened.input })));
}

async function answer(
  found: Found,
  { request, env, context, service }: Incoming,
  read: () => Promise<Checked>,
): Promise<Response> {
  const { action, captured } = found;
  const { requestId } = context;
  if (request.url.endsWith(HEDGED) && !action.isIdempotent && !action.isReadOnly) {
    const detail = `${service}.${action.name} is neither read-only nor idempotent: call it without \`hedge\``;
    return problem("NOT_IDEMPOTENT", { requestId, detail });
  }
  const given = await read();
  const input = given.ok ? await check(action.input, given.value) : given;
  if (!input.ok) {
    const issues = input.issues;
    return problem("INVALID_INPUT", {
      requestId,
      detail: textOf(`${service}.${action.name}`, issues),
      issues,
    });
  }
  const call = new CallContext(context, {
    ...captured,
    env,
    subject: action.subject,
    headers: request.headers,
  });
  let result: unknown;
  try {
    result = await action.handle(input.value, call, env);
  } catch (error) {
    const declared = isActionError(error) ? action.errors.get(error.name) : undefined;
    if (declared === undefined || !isActionError(error)) throw error;
    const data = await check(declared.data, error.data);
    if (!data.ok) return invalidOutput(service, action, requestId, data.issues, ` error ${error.name}`);
    const told = { name: error.name, ...(data.value === undefined ? {} : { data: data.value }) };
    const detail = error.message === error.name ? {} : { detail: error.message };
    return problem("ACTION_ERROR", { requestId, status: declared.status, ...detail, error: told });
  }
  if (result instanceof Response) return result;
  const output = await check(action.output, result);
  if (!output.ok) return invalidOutput(service, action, requestId, output.issues);
  return respond(output.value);
}

function respond(value: unknown): Response {
  const text = JSON.stringify(value);
  if (text === undefined) return new Response(null, { status: 204 });
  return new Response(text, { headers: { "content-type": "application/json" } });
}

/** Messages of libraries may show the value: only the places are told (I2). */
function invalidOutput(
  service: string,
  { name }: Action,
  requestId: string,
  issues: readonly FieldIssue[],
  what = " answer",
): Response {
  const places = [...new Set(issues.map(({ path }) => (path === "" ? "the value itself" : path)))];
  // biome-ignore lint/suspicious/noConsole: the log of the function.
  console.error(
    `INVALID_OUTPUT: the${what} of ${service}.${name} does not fit its schema at ${places.join(", ")}`,
  );
  return problem("INVALID_OUTPUT", { requestId });
}

function textOf(name: string, [first, ...others]: readonly FieldIssue[]): string {
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  const at = first === undefined || first.path === "" ? "" : `${first.path}: `;
  return `${name}: ${at}${first?.message ?? "it does not fit"}${more}`;
}

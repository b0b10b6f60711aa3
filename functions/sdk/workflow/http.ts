/**
 * A workflow's requests, below the path of its function:
 *
 *   POST /                     starts one, with the body as its input; `Idempotency-Key` or `?id=` names it
 *   POST /ID                   the same, with an id. `Prefer: wait=10` waits for the result
 *   GET  /ID                   its state
 *   GET  /ID/result            its result, once it has ended; `?wait=30` waits for that
 *   POST /ID/signals/NAME      an event for `ctx.waitFor`, with the body as its payload; once for an `Idempotency-Key`
 *   POST /ID/cancel            also pause, resume, retry
 *   GET  /ID/queries/NAME      an answer of `ctx.query`
 */

import type { Journal } from "./journal.ts";
import type { JournalMessage, WorkflowInput, WorkflowRecord } from "./messages.ts";
import { hasRolledBack } from "./retried.ts";

export type AskQuery = (id: string, messages: JournalMessage[], name: string) => Promise<unknown>;

const ID = /^[A-Za-z0-9_-]{1,128}$/;
const ORDERS = ["cancel", "pause", "resume", "retry"] as const;
type Order = (typeof ORDERS)[number];
/** The longest wait of one request. */
const MAX_WAIT_SECONDS = 300;

export async function serveWorkflow(request: Request, journal: Journal, ask: AskQuery): Promise<Response> {
  const url = new URL(request.url);
  const parts = partsBelow(url.pathname, journal.paths);
  const [id, verb, name] = parts;
  if (id !== undefined && !ID.test(id)) return badId(id);
  const methods = methodsOf(parts);
  if (methods === undefined)
    return problem(404, "NOT_FOUND", `a workflow has no ${parts.slice(1).join("/")}`);
  if (!methods.includes(request.method)) return allow(methods);
  try {
    if (parts.length <= 1 && request.method === "POST") return await start(request, url, journal, id);
    if (id === undefined) return allow(methods);
    if (verb === undefined) return await state(journal, id, url);
    if (verb === "result") return await result(journal, id, waitMsOf(request, url));
    if (isOrder(verb)) return await order(request, journal, id, verb);
    if (verb === "signals") return await signal(request, journal, id, name ?? "");
    return await query(journal, id, name ?? "", ask);
  } catch (error) {
    return problemOf(error);
  }
}

/** The methods of a path. Undefined: there is no such path. */
function methodsOf([id, verb, name, ...more]: readonly string[]): readonly string[] | undefined {
  if (more.length > 0) return undefined;
  if (id === undefined) return ["POST"];
  if (verb === undefined) return ["GET", "HEAD", "POST"];
  if (name === undefined) return verb === "result" ? ["GET", "HEAD"] : isOrder(verb) ? ["POST"] : undefined;
  return verb === "signals" ? ["POST"] : verb === "queries" ? ["GET", "HEAD", "POST"] : undefined;
}

function badId(id: string): Response {
  const form = "an id has 1 to 128 letters, digits, `_` and `-`";
  return problem(400, "WORKFLOW_ID_INVALID", `${JSON.stringify(id)} is no id: ${form}`);
}

function isOrder(text: string): text is Order {
  return (ORDERS as readonly string[]).includes(text);
}

function partsBelow(path: string, bases: readonly string[]): string[] {
  const base = bases
    .filter((one) => path === one || path.startsWith(`${one}/`))
    .reduce((longest, one) => (one.length > longest.length ? one : longest), "");
  return path
    .slice(base.length)
    .split("/")
    .filter((part) => part !== "")
    .map(decoded);
}

/** A part of a path. One that is not well encoded stays as it is, which is no id then. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

async function start(
  request: Request,
  url: URL,
  journal: Journal,
  named: string | undefined,
): Promise<Response> {
  const key = named ?? request.headers.get("idempotency-key") ?? url.searchParams.get("id");
  const id = key ?? crypto.randomUUID();
  if (!ID.test(id)) return badId(id);
  const { value } = await bodyOf(request);
  const waitMs = waitMsOf(request, url);
  const input: WorkflowInput = { t: "start", ...(value === undefined ? {} : { input: value }) };
  const { isNew, record } = await journal.start(journal.workflow, id, input, waitMs);
  const base = journal.paths.find((one) => url.pathname === one || url.pathname.startsWith(`${one}/`)) ?? "";
  const headers = { location: `${base}/${id}` };
  if (record !== undefined && isEnd(record) && waitMs > 0) return answerOf(id, record, headers);
  return Response.json(
    { id, state: record?.state ?? "running", isNew },
    { status: isNew ? 202 : 200, headers },
  );
}

async function state(journal: Journal, id: string, _url: URL): Promise<Response> {
  const record = await journal.last(id, 0);
  if (record === undefined) return unknown(id);
  if (record === null) return Response.json({ id, state: "running" });
  const { at, due, fault, value } = record;
  const isDone = record.state === "done";
  return Response.json({
    ...{ id, state: record.state, at },
    ...(due === undefined ? {} : { due }),
    ...(fault === undefined ? {} : { error: withoutStack(fault) }),
    ...(isDone ? { result: value ?? null } : {}),
  });
}

async function result(journal: Journal, id: string, waitMs: number): Promise<Response> {
  const record = await journal.last(id, waitMs);
  if (record === undefined) return unknown(id);
  if (record === null || !isEnd(record))
    return Response.json({ id, state: record?.state ?? "running" }, { status: 202 });
  return answerOf(id, record, {});
}

function answerOf(id: string, record: WorkflowRecord, headers: Record<string, string>): Response {
  if (record.state === "done")
    return Response.json(record.value ?? null, { headers: { ...headers, "workflow-id": id } });
  const { fault } = record;
  const code = record.state === "cancelled" ? "WORKFLOW_CANCELLED" : "WORKFLOW_FAILED";
  return problem(record.state === "cancelled" ? 409 : 500, code, fault?.message ?? code, {
    ...headers,
    "workflow-id": id,
  });
}

async function signal(request: Request, journal: Journal, id: string, name: string): Promise<Response> {
  const { value } = await bodyOf(request);
  return send(request, journal, id, (key) => ({
    ...{ t: "signal", id: key, name },
    ...(value === undefined ? {} : { payload: value }),
  }));
}

function order(request: Request, journal: Journal, id: string, what: Order): Promise<Response> {
  return send(request, journal, id, (key) => ({ t: what, id: key }));
}

async function send(
  request: Request,
  journal: Journal,
  id: string,
  inputOf: (key: string) => WorkflowInput,
): Promise<Response> {
  const record = await journal.last(id, 0);
  if (record === undefined) return unknown(id);
  const key = request.headers.get("idempotency-key");
  const input = inputOf(key ?? crypto.randomUUID());
  if (input.t === "retry" && record?.state === "failed") {
    if (hasRolledBack(await journal.load(id)))
      return problem(409, "WORKFLOW_ROLLED_BACK", `the rollbacks of the workflow ${id} have run`);
  } else if (record !== null && isEnd(record)) {
    // A client whose answer was lost repeats its request.
    const isKnown = key !== null && (await hasInput(journal, id, key));
    if (isKnown) return Response.json({ id }, { status: 202 });
    return problem(409, "WORKFLOW_ENDED", `the workflow ${id} is ${record.state} already`);
  }
  await journal.send(journal.workflow, id, input);
  return Response.json({ id }, { status: 202 });
}

async function hasInput(journal: Journal, id: string, key: string): Promise<boolean> {
  const messages = await journal.load(id);
  return messages.some(({ in: input }) => input !== undefined && "id" in input && input.id === key);
}

async function query(journal: Journal, id: string, name: string, ask: AskQuery): Promise<Response> {
  const messages = await journal.load(id);
  if (messages.length === 0) return unknown(id);
  return Response.json((await ask(id, messages, name)) ?? null);
}

/**
 * The body: a value in JSON, or a text; nothing where it is empty. A type that says neither decides nothing, as
 * `curl -d` calls every body a form.
 */
async function bodyOf(request: Request): Promise<{ value: unknown }> {
  const text = await request.text();
  if (text === "") return { value: undefined };
  const type = request.headers.get("content-type") ?? "application/json";
  if (/^text\//i.test(type)) return { value: text };
  try {
    return { value: JSON.parse(text) };
  } catch {
    if (/\bjson\b/i.test(type)) throw new BadBody();
    return { value: text };
  }
}

class BadBody extends Error {}

/** `Prefer: wait=10` (RFC 7240), or `?wait=10`. */
function waitMsOf(request: Request, url: URL): number {
  const preferred = /(?:^|[,\s])wait=(\d+)/i.exec(request.headers.get("prefer") ?? "")?.[1];
  const seconds = Number(url.searchParams.get("wait") ?? preferred ?? 0);
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), MAX_WAIT_SECONDS) * 1_000 : 0;
}

function isEnd({ state: name }: WorkflowRecord): boolean {
  return name === "done" || name === "failed" || name === "cancelled";
}

function withoutStack({ stack: _, ...rest }: { stack?: string; name: string; message: string }): object {
  return rest;
}

function unknown(id: string): Response {
  return problem(404, "WORKFLOW_NOT_FOUND", `there is no workflow ${id}`);
}

function allow(methods: readonly string[]): Response {
  const allowed = methods.join(", ");
  return problem(405, "METHOD_NOT_ALLOWED", `this path takes ${allowed}`, { allow: allowed });
}

function problemOf(error: unknown): Response {
  if (error instanceof BadBody) return problem(400, "BAD_REQUEST", "the body is no JSON");
  const { code, name, message } = error as { code?: unknown; name?: unknown; message?: unknown };
  if (name === "UnknownQuery") return problem(404, "WORKFLOW_QUERY_UNKNOWN", String(message));
  if (code === "WORKFLOW_DIVERGED") return problem(409, "WORKFLOW_DIVERGED", String(message));
  if (name === "WorkflowEnded") return problem(409, "WORKFLOW_ENDED", String(message));
  if (name === "NATS_NO_MAJORITY" || name === "NATS_JETSTREAM_UNAVAILABLE")
    return problem(503, name, String(message));
  if (name === "WorkflowInputTooLarge") return problem(413, "WORKFLOW_INPUT_TOO_LARGE", String(message));
  throw error;
}

function problem(
  status: number,
  code: string,
  detail: string,
  headers: Record<string, string> = {},
): Response {
  return Response.json(
    { type: `urn:narun:error:${code}`, title: TITLES[code] ?? code, status, code, detail },
    { status, headers: { ...headers, "content-type": "application/problem+json" } },
  );
}

const TITLES: Readonly<Record<string, string>> = {
  BAD_REQUEST: "The request is not valid",
  METHOD_NOT_ALLOWED: "The route does not take this method",
  NATS_JETSTREAM_UNAVAILABLE: "JetStream is not available now",
  NATS_NO_MAJORITY: "Most servers of the NATS cluster are gone; nothing can be written",
  NOT_FOUND: "There is no such path",
  WORKFLOW_ID_INVALID: "The id of the workflow is not valid",
  WORKFLOW_FAILED: "The workflow failed",
  WORKFLOW_CANCELLED: "The workflow was cancelled",
  WORKFLOW_NOT_FOUND: "There is no such workflow",
  WORKFLOW_ENDED: "The workflow has ended",
  WORKFLOW_ROLLED_BACK: "The workflow failed, and its rollbacks have run",
};

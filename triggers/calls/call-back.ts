/** Posts the result of a call to its callback. */
import {
  type DecodedReply,
  decodeCallFacts,
  decodeReply,
  type EndedCall,
  errorEntry,
  type FieldReading,
  type FunctionSpec,
  headerNames,
  headerValue,
  isEnded,
  isNarunError,
  messageOf,
  NarunError,
  NO_FIELDS,
} from "../../contracts/index.ts";
import { createEgress } from "../../machine/index.ts";
import { type Calls, type Nats, openSecrets, type PulledMessage, type SecretsKey } from "../../nats/index.ts";
import type { BatchResult } from "../queues/queue-reader.ts";
import { post } from "./post.ts";
import { signCallback } from "./sign-callback.ts";

export interface CallBackParts {
  nats: Nats;
  calls: Calls;
  specOf(service: string): FunctionSpec | undefined;
  secretsKey: SecretsKey | undefined;
  egressDeny: readonly string[];
}

const TIMEOUT_MS = 30_000;
/** A larger answer is fetched at its location. */
const MAX_BODY_BYTES = 256 * 1024;
/** The receiver wants no more (RFC 9110, section 15.5.11). */
const GONE = 410;

const DONE: BatchResult = { kind: "answered", verdicts: [{ kind: "ack" }] };

/** Posts the result that a message names. A receiver that does not answer 2xx gets it again. */
export async function callBack(
  parts: CallBackParts,
  service: string,
  message: PulledMessage,
): Promise<BatchResult> {
  const { calls, specOf, egressDeny: deny } = parts;
  const facts = decodeCallFacts(headerValue(message.headers ?? new Map(), headerNames.call) ?? "");
  if (facts?.callback === undefined) return DONE;
  const read = await calls.records.get(facts.id);
  if (read?.ok !== true || !isEnded(read.value)) return DONE;
  const spec = specOf(service);
  try {
    const secret = await secretOf(parts, spec);
    const body = JSON.stringify(await eventOf(calls, facts.id, facts.location, read.value));
    const signed = signCallback(secret, facts.id, Math.floor(Date.now() / 1_000), body);
    const headers = { "content-type": "application/json", "user-agent": "narun", ...signed };
    const egress = createEgress({ allow: spec?.egress ?? [], deny });
    const status = await post(egress, { url: new URL(facts.callback), headers, body, timeoutMs: TIMEOUT_MS });
    if ((status >= 200 && status < 300) || status === GONE) return DONE;
    return { kind: "failed", error: { message: `${facts.callback} answered ${status}` } };
  } catch (error) {
    const code = isNarunError(error) ? { code: error.code } : {};
    return { kind: "failed", error: { ...code, message: `${facts.callback}: ${messageOf(error)}` } };
  }
}

async function secretOf(
  { nats, secretsKey }: CallBackParts,
  spec: FunctionSpec | undefined,
): Promise<string> {
  const name = typeof spec?.async === "object" ? spec.async.secret : undefined;
  if (name === undefined)
    throw new NarunError("SECRET_MISSING", { detail: "the function has no `async.secret`" });
  if (secretsKey === undefined) throw new NarunError("SECRETS_KEY_MISSING", { detail: name });
  const read = await (await openSecrets(nats)).get(name);
  if (read === undefined) throw new NarunError("SECRET_MISSING", { detail: name });
  if (!read.ok) throw new NarunError("SECRET_UNREADABLE", { detail: name });
  return secretsKey.open(name, read.value);
}

const READING: FieldReading = { names: "as-sent", omitted: NO_FIELDS };

async function eventOf(calls: Calls, id: string, location: string, record: EndedCall): Promise<object> {
  const facts = { id, function: record.function, state: record.state, attempts: record.attempts, location };
  const timestamp = new Date(record.endedAt).toISOString();
  if (record.state === "failed") {
    const { code } = record;
    return {
      type: "call.failed",
      timestamp,
      data: { ...facts, status: errorEntry(code).status ?? 500, code },
    };
  }
  const { headers: fields, data: text, object } = record.reply;
  const data = object === undefined ? Buffer.from(text ?? "", "base64") : await calls.bodies.read(object);
  const read = decodeReply({ headers: new Map(fields), data }, READING);
  return { type: "call.done", timestamp, data: { ...facts, ...resultOf(read), ...bodyOf(data) } };
}

function resultOf(read: DecodedReply): object {
  if (read.kind === "failed") return { status: errorEntry(read.code).status ?? 500, code: read.code };
  if (read.kind === "service-error") return { status: read.status ?? 502, code: "SERVICE_ERROR" };
  const headers: [string, string][] = [];
  for (let at = 0; at + 1 < read.fields.length; at += 2)
    headers.push([(read.fields[at] ?? "").toLowerCase(), read.fields[at + 1] ?? ""]);
  return { status: read.status, headers };
}

/** The body as text where it is UTF-8, else as base64. Nothing where it is too large. */
function bodyOf(data: Uint8Array): object {
  if (data.byteLength > MAX_BODY_BYTES) return { bodyBytes: data.byteLength };
  try {
    return { body: new TextDecoder("utf-8", { fatal: true }).decode(data) };
  } catch {
    return { bodyBase64: Buffer.from(data).toString("base64") };
  }
}

/** Hands events to their handlers: one message each, or a batch of a stream. */
import { sealPortOf } from "../seal/seal-port.ts";
import type { Message, MessageBatch } from "../triggers.ts";
import type { CallContext } from "./context.ts";
import type { EventListener, ServiceEvent } from "./event.ts";
import { check } from "./standard-schema.ts";

/** The beginning of the subjects of events (contracts/subjects.ts). */
const PREFIX = "narun.e.";
/** The header with the name of the handler that a message is for (contracts/wire/header-names.ts). None: all that its subject fits. */
const HANDLER = "narun-event-handler";

/** The header with the type of a sealed value. None: it is in clear. */
const SEALED_TYPE = "narun-sealed-type";

type MakeContext = (
  event: ServiceEvent,
  more: { params: Record<string, string>; wildcards: string[]; headers: Headers },
) => CallContext;

interface Hearing {
  env: unknown;
  contextOf: MakeContext;
}

/** Calls the handlers of one event. Rejects where one of them throws, after all. */
export async function hear(
  listeners: readonly EventListener[],
  message: Message,
  { contextOf, env }: Hearing,
): Promise<void> {
  const { id, timestamp, attempts } = message;
  const subject = message.subject.startsWith(PREFIX) ? message.subject.slice(PREFIX.length) : message.subject;
  const wanted = headerOf(message, HANDLER);
  const failures: unknown[] = [];
  for (const listener of listeners) {
    const wildcards = match(listener.pattern, subject);
    if (wanted === undefined ? wildcards === undefined : listener.name !== wanted) continue;
    try {
      const value = await readValue(listener, { message, subject, env });
      const event = { id, subject, value, time: timestamp, attempts };
      const context = contextOf(event, { params: {}, wildcards: wildcards ?? [], headers: new Headers() });
      await listener.handle(event, context, context.env);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/**
 * Calls the handlers of each event of a batch, in order. An event whose handler throws is delivered again. The error of a single one
 * is the batch's, so that its dead letter tells it.
 */
export async function hearBatch(
  listeners: readonly EventListener[],
  { messages }: MessageBatch,
  hearing: Hearing,
): Promise<void> {
  for (const message of messages) {
    try {
      await hear(listeners, message, hearing);
      message.ack();
    } catch (error) {
      if (messages.length === 1) throw error;
      // biome-ignore lint/suspicious/noConsole: the log of the function.
      console.error(error);
      message.retry();
    }
  }
}

interface Heard {
  message: Message;
  subject: string;
  env: unknown;
}

async function readValue({ schema, pattern, encrypt }: EventListener, heard: Heard): Promise<unknown> {
  const text = await textOf(heard, encrypt);
  const checked = await check(schema, text === "" ? undefined : JSON.parse(text));
  if (checked.ok) return checked.value;
  const [first] = checked.issues;
  const at = first === undefined || first.path === "" ? "" : ` at ${first.path}`;
  throw new TypeError(`an event of on("${pattern}") does not fit its schema${at}: ${first?.message}`);
}

/** The value in clear. Rejects by a code of docs/encryption.md. */
async function textOf({ message, subject, env }: Heard, label: string | undefined): Promise<string> {
  const text = message.text();
  const sealedType = headerOf(message, SEALED_TYPE);
  if (sealedType === undefined && label === undefined) return text;
  return sealPortOf(env).open(label, ["event", subject, sealedType ?? ""], text);
}

function headerOf({ headers }: Message, name: string): string | undefined {
  const key = Object.keys(headers).find((one) => one.toLowerCase() === name);
  return key === undefined ? undefined : headers[key]?.[0];
}

/** The parts that the wildcards of a pattern stand for. Undefined: the subject does not fit. */
function match(pattern: string, subject: string): string[] | undefined {
  const [wanted, parts] = [pattern.split("."), subject.split(".")];
  const found: string[] = [];
  for (const [at, token] of wanted.entries()) {
    const part = parts[at];
    if (part === undefined) return undefined;
    if (token === ">") return [...found, parts.slice(at).join(".")];
    if (token === "*") found.push(part);
    else if (token !== part) return undefined;
  }
  return parts.length === wanted.length ? found : undefined;
}

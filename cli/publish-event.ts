/**
 * `narun events publish`.
 *
 * I1  A value for a subject that a function hears sealed leaves sealed, or with `--allow-clear`.
 */
import {
  headerNames,
  isEventPattern,
  isEventSubject,
  LabelSchema,
  NarunError,
  type SealPlace,
} from "../contracts/index.ts";
import { findSealedHearers, type SealedHearer } from "../control/index.ts";
import { type Nats, openEvents } from "../nats/index.ts";
import { openerOf } from "./open-sealed.ts";
import { wrongUse } from "./options/values.ts";
import type { Output } from "./output/output.ts";

interface PublishOptions {
  eventKey: string | undefined;
  retain: boolean;
  ttl: number | undefined;
  id: string | undefined;
  encrypt: string | undefined;
  allowClear: boolean;
  keysAs: string | undefined;
  keysDir: string | undefined;
  keysPassphrase: string | undefined;
}

const JSON_TYPE = "application/json";
const SEALED_TYPE = "application/jose";

/** Errors: USAGE, SEAL_MISSING, and the codes of sealing. */
export async function publishEvent(
  { output, connect, options }: { output: Output; connect(): Promise<Nats>; options: PublishOptions },
  subject = "",
  text?: string,
): Promise<void> {
  requireSubject(subject);
  const { eventKey: key, retain, ttl: ttlSeconds, id } = options;
  const nats = await connect();
  // An event without a value takes the retained one away, and is in clear.
  const label = text === undefined ? undefined : await labelFor(nats, subject, options);
  const { data, headers } = await contentOf(nats, { subject, text, label, options });
  const events = await openEvents(nats);
  const published = await events.publish({ ...{ subject, headers, key, retain, ttlSeconds, id }, data });
  const sealed = label === undefined ? {} : { sealed: label };
  if (output.isJson) return output.json({ subject, ...published, ...sealed });
  const state = published.isDuplicate ? "was there already" : "published";
  const how = label === undefined ? "" : ` (sealed for ${label})`;
  output.line(`${output.colours.bold(subject)}  ${state}${how}: ${published.sequence}`);
}

function requireSubject(subject: string): void {
  if (isEventSubject(subject)) return;
  if (subject === "") throw wrongUse("narun events publish needs a subject");
  if (isEventPattern(subject)) throw wrongUse("narun events publish needs a subject without wildcards");
  throw wrongUse(
    `${JSON.stringify(subject)} is no subject of events: words between dots, without spaces, of at most 512 characters`,
  );
}

/** The label to seal for. Undefined: the event goes in clear, and may. */
async function labelFor(nats: Nats, subject: string, options: PublishOptions): Promise<string | undefined> {
  const { encrypt, allowClear, keysAs } = options;
  if (encrypt !== undefined) {
    if (allowClear) throw wrongUse("--encrypt and --allow-clear contradict each other");
    if (!LabelSchema.safeParse(encrypt).success)
      throw wrongUse("--encrypt is a label as payments or user:42");
    if (keysAs === undefined) throw wrongUse("--encrypt needs --as user:NAME and --keys: who seals");
    return encrypt;
  }
  if (allowClear) return undefined;
  const hearers = await findSealedHearers(nats, subject);
  const labels = [...new Set(hearers.map(({ label }) => label))];
  const [only] = labels;
  if (only === undefined) return undefined;
  if (keysAs === undefined || labels.length > 1) throw refusal(subject, hearers, labels);
  return only;
}

function refusal(subject: string, hearers: readonly SealedHearer[], labels: readonly string[]): NarunError {
  const who = hearers.map(({ function: name, label }) => `${name} takes it sealed for ${label}`).join(", ");
  const label = labels.length === 1 ? labels[0] : "LABEL";
  return new NarunError("SEAL_MISSING", {
    detail: `${subject}: ${who}. Publish it with \`--encrypt ${label} --as user:NAME --keys DIR\`, or with \`--allow-clear\``,
    subject,
    labels,
  });
}

async function contentOf(
  nats: Nats,
  {
    subject,
    text,
    label,
    options,
  }: { subject: string; text: string | undefined; label: string | undefined; options: PublishOptions },
): Promise<{ data: Uint8Array; headers: Map<string, string[]> }> {
  if (text === undefined) return { data: new Uint8Array(), headers: new Map() };
  const clear = Buffer.from(asJson(text));
  if (label === undefined) return { data: clear, headers: new Map([["Content-Type", [JSON_TYPE]]]) };
  using opener = openerOf(nats, options);
  const place: SealPlace = ["event", subject, JSON_TYPE];
  const data = await opener.seal?.(label, clear, place);
  if (data === undefined) throw wrongUse("--encrypt needs --as user:NAME and --keys: who seals");
  const headers = new Map([
    ["Content-Type", [SEALED_TYPE]],
    [headerNames.eventSealedType, [JSON_TYPE]],
  ]);
  return { data, headers };
}

/** JSON as it is; another text as a text of JSON. */
function asJson(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}

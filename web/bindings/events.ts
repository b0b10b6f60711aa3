import { bindMethods } from "./bind-methods.ts";
import { callBinding } from "./host-result.ts";
import { requireKnownOptions, requireNoMore, requireText } from "./options.ts";
import { arrivedBytes, crossingValue, dropCrossing, type ReadValue, readValue } from "./values.ts";

interface Heard<Value> extends ReadValue {
  sequence: number;
  subject: string;
  key: string | undefined;
  source: string | undefined;
  publishedAt: Date;
  value: Value;
}

interface PublishOptions {
  retain?: boolean;
  ttl?: number;
  key?: string;
  id?: string;
  encrypt?: string;
}

/** The facts of an event, as the host tells them. */
interface Facts {
  sequence: number;
  subject: string;
  key?: string;
  source?: string;
  at: number;
  type?: string;
}

const JSON_TYPE = "application/json";
const BYTES_TYPE = "application/octet-stream";

/** The object for events in `env` (functions/sdk: Events). */
export class Events {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
    bindMethods(this);
  }

  async publish(
    subject: string,
    value?: unknown,
    options: PublishOptions = {},
    ...more: unknown[]
  ): Promise<{ sequence: number; isDuplicate: boolean }> {
    requireText("EVENTS.publish", "subject", subject);
    requireKnownOptions("EVENTS.publish", options, ["retain", "ttl", "key", "id", "encrypt"]);
    requireNoMore("EVENTS.publish", "(subject, value, options)", more);
    const { retain = false, ttl, key, id, encrypt } = options;
    const [data, type] = encodeValue(value);
    const crossing = await crossingValue(data);
    try {
      const sent = [this.#name, subject, crossing, type, retain === true, ttl, key, id, encrypt] as const;
      const [sequence, isDuplicate] = (await callBinding("events.publish", ...sent)) as [number, boolean];
      return { sequence, isDuplicate };
    } catch (error) {
      dropCrossing(crossing);
      throw error;
    }
  }

  async once<Value = unknown>(
    subject: string,
    options: { timeout?: number } = {},
    ...more: unknown[]
  ): Promise<Heard<Value>> {
    requireText("EVENTS.once", "subject", subject);
    requireKnownOptions("EVENTS.once", options, ["timeout"]);
    requireNoMore("EVENTS.once", "(subject, options)", more);
    return heardOf(await callBinding("events.once", this.#name, subject, options.timeout));
  }

  async last<Value = unknown>(subject: string, ...more: unknown[]): Promise<Heard<Value> | null> {
    requireText("EVENTS.last", "subject", subject);
    requireNoMore("EVENTS.last", "(subject)", more);
    const found = await callBinding("events.last", this.#name, subject);
    return found === undefined || found === null ? null : heardOf(found);
  }

  get [Symbol.toStringTag](): string {
    return "Events";
  }
}

/** A value as data, and its type. An event without a value has neither. */
function encodeValue(
  value: unknown,
): [data: string | ArrayBuffer | ArrayBufferView, type: string | undefined] {
  if (value === undefined) return ["", undefined];
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return [value, BYTES_TYPE];
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined)
    throw new TypeError("EVENTS.publish: the value has no form in JSON, and is no bytes");
  return [text, JSON_TYPE];
}

async function heardOf<Value>(answer: unknown): Promise<Heard<Value>> {
  const [text, arrived] = answer as [string, ArrayBuffer | number];
  const { sequence, subject, key, source, at, type } = JSON.parse(text) as Facts;
  const read = readValue(await arrivedBytes(arrived));
  const bytes = read.bytes();
  const value = bytes.byteLength === 0 ? undefined : type === BYTES_TYPE ? bytes : read.json();
  return { ...{ sequence, subject, key, source, publishedAt: new Date(at), value: value as Value }, ...read };
}

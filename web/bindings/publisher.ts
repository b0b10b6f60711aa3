import { bindMethods } from "./bind-methods.ts";
import { callBinding } from "./host-result.ts";
import { readTexts, requireKnownOptions, requireNoMore, requireText } from "./options.ts";
import { arrivedBytes, crossingValue, dropCrossing, type ReadValue, readValue } from "./values.ts";

interface Reply extends ReadValue {
  headers: Record<string, string>;
}

/** The object for subjects of NATS in `env` (functions/sdk: Publisher). */
export class Publisher {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
    bindMethods(this);
  }

  async publish(
    subject: string,
    data: unknown = "",
    headers: Record<string, string> = {},
    ...more: unknown[]
  ): Promise<void> {
    requireText("PUBLISHER.publish", "subject", subject);
    const pairs = readTexts("PUBLISHER.publish", "headers", headers);
    requireNoMore("PUBLISHER.publish", "(subject, data, headers)", more);
    await this.#send("publish.publish", subject, data, pairs);
  }

  async request(
    subject: string,
    data: unknown = "",
    options: { timeoutMs?: number; headers?: Record<string, string> } = {},
    ...more: unknown[]
  ): Promise<Reply> {
    requireText("PUBLISHER.request", "subject", subject);
    requireKnownOptions("PUBLISHER.request", options, ["timeoutMs", "headers"]);
    requireNoMore("PUBLISHER.request", "(subject, data, options)", more);
    const { timeoutMs, headers = {} } = options;
    const sent = readTexts("PUBLISHER.request", "headers", headers);
    const answer = await this.#send("publish.request", subject, data, sent, timeoutMs);
    const [arrived, pairs] = answer as [ArrayBuffer | number, string[]];
    return { headers: toRecord(pairs), ...readValue(await arrivedBytes(arrived)) };
  }

  async #send(
    operation: string,
    subject: string,
    data: unknown,
    pairs: string[],
    timeoutMs?: number,
  ): Promise<unknown> {
    const crossing = await crossingValue(data);
    try {
      return await callBinding(operation, this.#name, subject, crossing, pairs, timeoutMs);
    } catch (error) {
      dropCrossing(crossing);
      throw error;
    }
  }

  get [Symbol.toStringTag](): string {
    return "Publisher";
  }
}

function toRecord(pairs: readonly string[]): Record<string, string> {
  const record: Record<string, string> = {};
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    Object.defineProperty(record, pairs[index] ?? "", { value: pairs[index + 1], enumerable: true });
  }
  return record;
}

import { callBinding } from "./host-result.ts";
import { requireKnownOptions } from "./options.ts";
import { arrivedBytes, crossingValue, dropCrossing, type ReadValue, readValue } from "./values.ts";

interface Reply extends ReadValue {
  headers: Record<string, string>;
}

/** `env`'s object for subjects of NATS (functions/sdk: Publisher). */
export class Publisher {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  async publish(subject: string, data: unknown = "", headers: Record<string, string> = {}): Promise<void> {
    await this.#send("publish.publish", subject, data, headers);
  }

  async request(
    subject: string,
    data: unknown = "",
    options: { timeoutMs?: number; headers?: Record<string, string> } = {},
  ): Promise<Reply> {
    requireKnownOptions("request", options, ["timeoutMs", "headers"]);
    const { timeoutMs, headers = {} } = options;
    const answer = await this.#send("publish.request", subject, data, headers, timeoutMs);
    const [arrived, pairs] = answer as [ArrayBuffer | number, string[]];
    return { headers: toRecord(pairs), ...readValue(await arrivedBytes(arrived)) };
  }

  async #send(
    operation: string,
    subject: string,
    data: unknown,
    headers: Record<string, string>,
    timeoutMs?: number,
  ): Promise<unknown> {
    const pairs = headerPairs(headers);
    const crossing = await crossingValue(data);
    try {
      return await callBinding(operation, this.#name, `${subject}`, crossing, pairs, timeoutMs);
    } catch (error) {
      dropCrossing(crossing);
      throw error;
    }
  }

  get [Symbol.toStringTag](): string {
    return "Publisher";
  }
}

/** Names and values alternating. */
function headerPairs(headers: Record<string, string>): string[] {
  return Object.entries(headers).flatMap(([name, value]) => [name, `${value}`]);
}

function toRecord(pairs: readonly string[]): Record<string, string> {
  const record: Record<string, string> = {};
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    Object.defineProperty(record, pairs[index] ?? "", { value: pairs[index + 1], enumerable: true });
  }
  return record;
}

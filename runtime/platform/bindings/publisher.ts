import { callBinding } from "./host-result.ts";
import { type ReadValue, readValue, wholeValue } from "./values.ts";

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
    await callBinding(
      "publish.publish",
      this.#name,
      `${subject}`,
      await wholeValue(data),
      headerPairs(headers),
    );
  }

  async request(
    subject: string,
    data: unknown = "",
    { timeoutMs, headers = {} }: { timeoutMs?: number; headers?: Record<string, string> } = {},
  ): Promise<Reply> {
    const whole = await wholeValue(data);
    const [bytes, pairs] = (await callBinding(
      "publish.request",
      this.#name,
      `${subject}`,
      whole,
      headerPairs(headers),
      timeoutMs,
    )) as [ArrayBuffer, string[]];
    return { headers: toRecord(pairs), ...readValue(bytes) };
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

import { callBinding } from "./host-result.ts";
import { arrivedBytes, crossingValue, dropCrossing, readValue } from "./values.ts";

interface PublishOptions {
  retain?: boolean;
  ttl?: number;
  key?: string;
  id?: string;
  encrypt?: string;
}

/** The events of a service, by `ctx` (functions/sdk/service/event-port.ts). The host knows the rights of all its bindings. */
export class EventPort {
  async publish(subject: string, json: string | undefined, options: PublishOptions = {}): Promise<void> {
    const { retain = false, ttl, key, id, encrypt } = options;
    const crossing = await crossingValue(json ?? "");
    const type = json === undefined ? undefined : "application/json";
    try {
      const facts = [type, retain === true, ttl, key, id, encrypt] as const;
      await callBinding("events.publish", undefined, subject, crossing, ...facts);
    } catch (error) {
      dropCrossing(crossing);
      throw error;
    }
  }

  async once(subject: string, timeoutMs: number): Promise<{ subject: string; json: string }> {
    const [facts, arrived] = (await callBinding("events.once", undefined, subject, timeoutMs)) as [
      string,
      ArrayBuffer | number,
    ];
    const text = readValue(await arrivedBytes(arrived)).text();
    return { subject: (JSON.parse(facts) as { subject: string }).subject, json: text === "" ? "null" : text };
  }
}
